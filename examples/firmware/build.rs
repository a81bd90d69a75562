//! Picks the board that goes with the target, and gives the linker its memory map.

use std::{env, fs, path::PathBuf};

fn main() {
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let (board, memory, devices) = match target.as_str() {
        "thumbv6m-none-eabi" => ("microbit", "microbit.x", "arm-interrupts.x"),
        arm if arm.starts_with("thumbv") => ("lm3s6965evb", "lm3s6965evb.x", "arm-interrupts.x"),
        riscv if riscv.starts_with("riscv32") => ("riscv_virt", "riscv_virt.x", ""),
        other => {
            println!("cargo::warning=no board for {other}");
            return;
        }
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::copy(format!("memory/{memory}"), out.join("memory.x")).expect("copy the memory map");
    if !devices.is_empty() {
        fs::copy(format!("memory/{devices}"), out.join("device.x")).expect("copy the handlers");
    }
    println!("cargo::rustc-cfg=board=\"{board}\"");
    println!("cargo::rustc-link-search={}", out.display());
    // On RISC-V the memory map's aliases come before the script that uses them.
    if board == "riscv_virt" {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    println!("cargo::rerun-if-changed=memory");
    println!("cargo::rerun-if-changed=build.rs");
}
