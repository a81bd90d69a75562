# Finding what builds and runs a program for a chip. To be sourced by bash. Exit code 77 says that
# something is missing.
# shellcheck shell=bash disable=SC2034

missing() {
    printf 'missing: %s\n' "$*" >&2
    exit 77
}

# Whether rustup's toolchain has the target.
compiled_core() {
    local libdir
    libdir=$(rustc --print target-libdir --target "$1" 2>/dev/null) || return 1
    compgen -G "$libdir/libcore-*.rlib" >/dev/null
}

# Says which compiler `cargo_for` takes for a target.
compiler_for() {
    if compiled_core "$1"; then rustc -V; else /usr/bin/rustc -V; fi
}

# cargo_for TARGET ARGUMENT...: rustup's toolchain if it has the target, else Debian's.
cargo_for() {
    local triple=$1
    shift
    if compiled_core "$triple"; then
        cargo "$@" --target "$triple"
    elif [ -x /usr/bin/cargo ] && [ -e /usr/lib/rustlib/src/rust/library/core/src/lib.rs ]; then
        env RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo "$@" -Zbuild-std=core --target "$triple"
    else
        missing "a Rust for $triple: rustup target add $triple, or apt install rustc-web cargo-web rust-web-src"
    fi
}

# The linker that comes with rustup's Rust, or the system's.
linker() {
    local triple=$1 lld
    if command -v rust-lld >/dev/null; then
        lld=rust-lld
    else
        for lld in ld.lld ld.lld-22 ld.lld-20 ld.lld-19 ld.lld-16 ld.lld-14 ''; do
            [ -n "$lld" ] || return 0
            command -v "$lld" >/dev/null && break
        done
    fi
    local name=${triple^^}
    name=${name//[-.]/_}
    export "CARGO_TARGET_${name}_LINKER=$lld"
}

# build TARGET ARGUMENT...: `--profile NAME` among these, or it is built for release; with the environment's
# FEATURES as well.
build() {
    local profile=(--release)
    [ -z "${FEATURES:-}" ] || set -- "$@" --features "$FEATURES"
    [[ " $* " != *" --profile "* ]] || profile=()
    linker "$1"
    cargo_for "$1" build "${profile[@]}" --locked "${@:2}"
}

# Sets `qemu` to the command that emulates a board for the target.
emulator() {
    case $1 in
    thumbv7m-*) qemu=(qemu-system-arm -M lm3s6965evb) ;;
    thumbv6m-*) qemu=(qemu-system-arm -M microbit) ;;
    riscv32imac-*) qemu=(qemu-system-riscv32 -M virt -bios none) ;;
    riscv32imc-*) qemu=(qemu-system-riscv32 -M virt -bios none -cpu rv32,a=false) ;;
    esac
    command -v "${qemu[0]}" >/dev/null || missing "${qemu[0]}"
}
