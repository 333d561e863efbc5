# Shared by the scripts beside it: where things lie, and installing what a machine lacks. Sourced, not run.

target_dir() { printf '%s\n' "${CARGO_TARGET_DIR:-$PWD/target}"; }

say() { printf '==> %s\n' "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# install_packages WHY PACKAGE...: through apt-get when that is possible, else tells the person what to do.
install_packages() {
    local why=$1
    shift
    if have apt-get && [ "$(id -u)" = 0 ]; then
        say "installing $* ($why)"
        apt-get update -qq >&2 || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        printf 'error: %s is missing (%s)\n  try: sudo apt-get install %s\n' "$*" "$why" "$*" >&2
        return 1
    fi
}

# The interpreter for tools of ours; any Python 3.9 or newer serves.
ensure_python() {
    have python3 || install_packages "the clients run on it" python3
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
        install_packages "a virtual environment for the clients" python3-venv
}

# ensure_venv DIR REQUIREMENTS: a virtual environment that holds exactly those packages; made once, kept after.
ensure_venv() {
    local dir=$1 requirements=$2 want
    want="$(python3 -c 'import sys; print(sys.version)') $(cat "$requirements")"
    if [ -f "$dir/.complete" ] && [ "$(cat "$dir/.complete")" = "$want" ]; then return; fi
    say "preparing $dir with the packages of $requirements"
    rm -rf "$dir"
    python3 -m venv "$dir"
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    printf '%s' "$want" >"$dir/.complete"
}
