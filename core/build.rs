//! Names kinds of builds: cfg `lean`, for which the core is at its leanest; `threads`, where threads can be told
//! apart; `cortex_m`, for that machine; `seeded`, where the order of tasks can be drawn; `levels`, where interrupt
//! handlers may run executors.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(lean)");
    println!("cargo::rustc-check-cfg=cfg(threads)");
    println!("cargo::rerun-if-changed=build.rs");
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let bare = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    // The machine of Cortex-M has no cfg of its own.
    println!("cargo::rustc-check-cfg=cfg(cortex_m)");
    let m_profile = ["thumbv6m", "thumbv7m", "thumbv7em", "thumbv8m"];
    if env::var("TARGET").is_ok_and(|target| m_profile.iter().any(|name| target.starts_with(name)))
    {
        println!("cargo::rustc-cfg=cortex_m");
    }
    if !bare || has("STD") {
        println!("cargo::rustc-cfg=threads");
    }
    println!("cargo::rustc-check-cfg=cfg(seeded)");
    if has("STD") || has("SIMULATION") {
        println!("cargo::rustc-cfg=seeded");
    }
    // Loom's models use the heap.
    println!("cargo::rustc-check-cfg=cfg(levels)");
    if has("INTERRUPT_EXECUTORS") && env::var_os("CARGO_CFG_LOOM").is_none() {
        println!("cargo::rustc-cfg=levels");
    }
    // One core, no threads, no heap: interrupt handlers are all there is beside the executor. And
    // nothing that is only there for its extras.
    if bare
        && has("SINGLE_CORE")
        && !["ALLOC", "STD", "SIMULATION", "TASK_INFO", "TRACE"]
            .into_iter()
            .any(has)
    {
        println!("cargo::rustc-cfg=lean");
    }
}
