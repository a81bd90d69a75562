//! Names three kinds of builds: cfg `lean`, for which the core is at its leanest, cfg `threads`, where
//! threads can be told apart, and cfg `cortex_m`, for that machine.

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
    // One core, no threads, no heap: interrupt handlers are all there is beside the executor. And
    // nothing that is only there for its extras.
    if bare
        && has("SINGLE_CORE")
        && !["ALLOC", "STD", "SIMULATION", "TASK_INFO"]
            .into_iter()
            .any(has)
    {
        println!("cargo::rustc-cfg=lean");
    }
}
