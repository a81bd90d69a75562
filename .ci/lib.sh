# Functions of .ci/run: running steps, and finding toolchains. To be sourced by bash, which has to set
# `scratch` (a folder that goes away at the end), `target` (one that stays), `chosen`, `first` (arrays of steps),
# `jobs`, `keep_going` and `tidy` before it calls them.
# shellcheck disable=SC2154

# --- Steps -----------------------------------------------------------------------------------

# Exit code by which a step says that it has been skipped.
readonly SKIPPED=77

# Shows a command, then runs it.
run() {
    printf '+ %s\n' "$*"
    "$@"
}

# Shows why the step cannot go on; the reason appears in the summary, too. Ends the step.
skip() {
    printf 'skipped: %s: %s\n' "$STEP" "$*"
    printf '%s\n' "$*" >"$STEP_REASON"
    exit "$SKIPPED"
}

# Notes for the summary what a step that goes on has done or left out.
note() {
    printf '%s\n' "$*"
    printf '%s\n' "$*" >>"$STEP_REASON"
}

# Notes that no other step uses this folder.
own_folder() {
    printf '%s\n' "$1" >>"$scratch/$STEP.own"
}

# From here on the step builds in $target/NAME, which no other one uses.
own_target() {
    export CARGO_TARGET_DIR=$target/$1
    own_folder "$CARGO_TARGET_DIR"
}

# Runs the function step_NAME in a shell of its own, so that neither its variables nor its folder
# nor its failure touch the rest, and writes its end into $scratch/NAME.summary and, as ok, skipped or
# FAILED, into $scratch/NAME.result. Never to be called in a condition: there, `set -e` would have no
# effect in the step.
run_step() {
    local name=$1 code start=$SECONDS reason='' result
    STEP=$name
    STEP_REASON=$scratch/$name.reason
    : >"$STEP_REASON"
    printf '\n=== %s [%s] %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$name" "$(describe "$name")"

    set +e
    (
        set -e
        "step_$name"
    )
    code=$?
    set -e

    case $code in
    0) result=ok ;;
    "$SKIPPED") result=skipped ;;
    *) result=FAILED ;;
    esac
    if [ -s "$STEP_REASON" ]; then
        reason=": $(paste -sd ';' "$STEP_REASON" | sed 's/;/; /g')"
    fi
    local took=$((SECONDS - start))
    printf -- '--- %s [%s] %s after %d s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$name" "$result" "$took"
    printf '%-8s %-7s %5d s%s\n' "$name" "$result" "$took" "$reason" >"$scratch/$name.summary"
    if [ "$result" = FAILED ]; then
        printf '\n!!! step "%s" failed with exit code %d\n' "$name" "$code"
    fi
    # What has failed is looked at.
    if [ "$tidy" = 1 ] && [ "$result" = ok ] && [ -e "$scratch/$name.own" ]; then
        xargs -d '\n' rm -rf <"$scratch/$name.own"
    fi
    printf '%s\n' "$result" >"$scratch/$name.result"
}

# Notes the end of a step in `failed`; returns 1 if no other one is to begin.
ended() {
    # There is no result if the step was killed.
    case $(cat "$scratch/$1.result" 2>/dev/null) in ok | skipped) return 0 ;; esac
    failed+=("$1")
    [ "$keep_going" = 1 ]
}

# Seconds that a run may take.
readonly TIME_LIMIT=${POLLIWOG_CI_SECONDS:-4800}

# The steps that run now, each as "PROCESS NAME".
running=()
failed=()

# Waits until fewer than $1 steps run, and shows what those have printed that have ended. Returns 1 if no
# other one is to begin.
reap() {
    local left one process name go_on=0
    while true; do
        left=()
        for one in ${running[@]+"${running[@]}"}; do
            read -r process name <<<"$one"
            if kill -0 "$process" 2>/dev/null; then
                left+=("$one")
            else
                cat "$scratch/$name.log"
                ended "$name" || go_on=1
            fi
        done
        running=(${left[@]+"${left[@]}"})
        [ ${#running[@]} -ge "$1" ] || return "$go_on"
        [ "$SECONDS" -lt "$TIME_LIMIT" ] || {
            printf '\n!!! the limit of %d s is over\n' "$TIME_LIMIT" >&2
            exit 1
        }
        # A step may end between the look and this: one second at most.
        sleep 1
    done
}

# Runs the steps in `chosen`: those in `first` alone and before all others, if they come first; of the
# rest `jobs` at a time.
run_steps() {
    local name alone=1
    for name in "${chosen[@]}"; do
        [[ " ${first[*]} " == *" $name "* ]] || alone=0
        if [ "$alone" = 1 ] || [ "$jobs" = 1 ] || [ ${#chosen[@]} = 1 ]; then
            run_step "$name" 2>&1 | tee "$scratch/$name.log"
            ended "$name" || return 0
            continue
        fi
        reap "$jobs" || break
        printf '\n... %s [%s] begins\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$name"
        # With job control, a step is a process group, which can be ended as a whole.
        set -m
        run_step "$name" >"$scratch/$name.log" 2>&1 &
        set +m
        running+=("$! $name")
    done
    while [ ${#running[@]} -gt 0 ]; do
        reap ${#running[@]} || true
    done
}

# Shows once more what a failed step said of its failure, as the rest of a long output lies between: the lines
# that tell of one, with what follows them, or the last ones.
why_failed() {
    local log=$scratch/$1.log telling
    [ -s "$log" ] || return 0
    printf '\n!!! step "%s":\n' "$1"
    telling=$(grep -avE '^(---|!!!) ' "$log" |
        grep -aE -A 4 "panicked at|FAILED|^error|^Diff in|rose from|test failed|failed:|SIG(SEGV|ABRT)|overflowed its stack" |
        head -n 60) || true
    if [ -n "$telling" ]; then
        printf '%s\n' "$telling"
    else
        tail -n 30 "$log"
    fi
}

# Ends what still runs, and shows how far it came.
stop_steps() {
    local one process name
    for one in ${running[@]+"${running[@]}"}; do
        read -r process name <<<"$one"
        kill -- "-$process" 2>/dev/null || true
        printf '\n!!! step "%s" did not end; its last lines:\n' "$name"
        tail -n 50 "$scratch/$name.log" || true
    done
}

# --- Versions --------------------------------------------------------------------------------

# Whether version $1 is at least version $2.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# The version that a Rust compiler says it has, or nothing.
rustc_version() {
    "$@" -V 2>/dev/null | awk '{ print $2 }'
}

# --- One at a time ---------------------------------------------------------------------------

# Runs a command while no other step installs anything: two at once would find dpkg or rustup half way.
one_at_a_time() (
    exec 9>"${scratch:-${TMPDIR:-/tmp}}/lock"
    flock 9 2>/dev/null || true
    "$@"
)

# --- Debian packages -------------------------------------------------------------------------

# Runs a command as root, or fails.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Makes sure that apt knows the packages that there are, once a run: an image has no lists, or old ones, whose
# packages are gone or too old.
apt_lists() {
    command -v apt-get >/dev/null || return 1
    if [ ! -e "$scratch/apt-lists" ]; then
        as_root apt-get -q update || true
        : >"$scratch/apt-lists"
    fi
}

# Installs packages, or fails.
apt_install() {
    one_at_a_time apt_lists &&
        one_at_a_time as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qy --no-install-recommends "$@"
}

# --- Toolchains ------------------------------------------------------------------------------

# Whether rustup's active toolchain can build for a target.
rustup_has_target() {
    local libdir
    libdir=$(rustc --print target-libdir --target "$1" 2>/dev/null) || return 1
    compgen -G "$libdir/libcore-*.rlib" >/dev/null
}

# As above; asks rustup for the target if need be.
get_rustup_target() {
    rustup_has_target "$1" && return
    one_at_a_time timeout 120 rustup target add "$1" >&2 && rustup_has_target "$1"
}

# Makes sure that the nightly toolchain is there, with these components, or fails.
need_nightly() {
    [[ $(rustc +nightly -V 2>/dev/null) == *nightly* ]] || return 1
    local component
    for component in "$@"; do
        rustup component list --toolchain nightly --installed 2>/dev/null |
            grep -q "^$component\\b" ||
            one_at_a_time timeout 300 rustup component add --toolchain nightly "$component" || return 1
    done
}

# install_tool NAME VERSION: installs a program from the package registry under `target/tools`
# and puts that first in PATH, or fails.
install_tool() {
    PATH="$target/tools/bin:$PATH"
    [[ "$("$1" --version 2>/dev/null)" == *" $2" ]] ||
        CARGO_TARGET_DIR="$target/tools-build" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
            cargo install --quiet --locked --root "$target/tools" "$1" --version "$2"
}

# The oldest one that the protocol stack's `rust-version` lets build it, which is in the programs for chips.
readonly DEBIAN_RUST=1.91

# Whether Debian's Rust is here, recent enough for us, and has its sources.
debian_rust_usable() {
    local sources=/usr/lib/rustlib/src/rust/library/core/src/lib.rs
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && [ -e "$sources" ] &&
        at_least "$(rustc_version /usr/bin/rustc)" "$DEBIAN_RUST"
}

# Finds or installs Debian's Rust with the sources of `core`, or fails. It can build for targets
# for which no compiled `core` exists.
debian_rust() {
    debian_rust_usable ||
        { apt_install rustc-web cargo-web rust-web-src && debian_rust_usable; }
}

# Runs Debian's cargo.
debian_cargo() {
    run env RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1 /usr/bin/cargo "$@"
}

# Prints the newest version $2.x of the Debian package $1, or nothing.
debian_version() {
    apt-cache madison "$1" 2>/dev/null | awk -v want="$2" '
        index($3, want ".") == 1 && !found { print $3; found = 1 }'
}

# Unpacks Debian's Rust $1 (such as 1.85) under folder $2 without installing it, and prints the
# path of a script that runs its compiler. Fails where there is no such package.
unpack_debian_rustc() {
    local version=$1 folder=$2 wrapper=$2/rustc
    if [[ $(rustc_version "$wrapper") == "$version".* ]]; then
        printf '%s\n' "$wrapper"
        return
    fi
    one_at_a_time apt_lists >&2 || return 1
    command -v dpkg-deb >/dev/null || return 1

    local suffix full='' llvm
    for suffix in -web ''; do
        full=$(debian_version "rustc$suffix" "$version")
        [ -z "$full" ] || break
    done
    [ -n "$full" ] || return 1

    rm -rf "$folder"
    mkdir -p "$folder/debs" "$folder/root"
    (
        cd "$folder/debs" || exit
        apt-get -q download "rustc$suffix=$full" "libstd-rust$suffix-dev=$full" \
            "libstd-rust$suffix-$version=$full" || exit
        # LLVM, and whatever it needs that is not installed.
        llvm=$(for deb in *.deb; do dpkg-deb -f "$deb" Depends; done |
            grep -o 'libllvm[0-9]*' | head -n 1)
        {
            printf '%s\n' "$llvm"
            apt-get -s install --no-install-recommends "$llvm" | awk '$1 == "Inst" { print $2 }'
        } | sort -u | xargs apt-get -q download || exit
        for deb in *.deb; do dpkg-deb -x "$deb" "$folder/root" || exit; done
    ) >&2 || return 1

    local libraries=$folder/root/usr/lib multiarch
    multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
    cat >"$wrapper" <<END
#!/bin/sh
LD_LIBRARY_PATH="$libraries/$multiarch:$libraries" exec "$folder/root/usr/bin/rustc" "\$@"
END
    chmod +x "$wrapper"
    [[ $(rustc_version "$wrapper") == "$version".* ]] || return 1
    printf '%s\n' "$wrapper"
}
