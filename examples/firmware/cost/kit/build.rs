//! Gives the linker the board's memory map, and names for handlers that a program need not have.

use std::{env, fs, path::PathBuf};

fn main() {
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let board = match target.as_str() {
        "thumbv6m-none-eabi" => "microbit",
        arm if arm.starts_with("thumbv") => "lm3s6965evb",
        _ => "riscv_virt",
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let map = format!("../../memory/{board}.x");
    fs::copy(&map, out.join("memory.x")).expect("copy the memory map");
    if env::var_os("CARGO_FEATURE_VECTORS").is_some() {
        fs::copy("vectors.x", out.join("device.x")).expect("copy the handlers");
    }
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed={map}");
    println!("cargo::rerun-if-changed=vectors.x");
    println!("cargo::rerun-if-changed=build.rs");
}
