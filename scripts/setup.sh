#!/usr/bin/env bash
# Make .venv agree with uv.lock. "service" installs what running needs, "all" the tools for developing too.
# Does nothing, fast, when it already agrees.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${1:-all}
stamp=.venv/.agrees-with

say() { printf '%s\n' "$*" >&2; }

# Started and not just found: a version manager's shims lie on the PATH for versions that can't run.
is_python() { # program, lowest minor version
    "$1" -c "import sys; sys.exit(sys.version_info < (3, $2))" >/dev/null 2>&1
}

pythons() {
    local name root
    for name in python3.14 python3.13 python3.12 python3 python; do
        type -aP "$name" || true
    done
    for root in "${PYENV_ROOT:-}" "$HOME/.pyenv" "$(pyenv root 2>/dev/null || true)" "$(dirname "$(dirname "$(type -P pyenv || echo /)")")"; do
        [ -n "$root" ] && ls -d "$root"/versions/*/bin/python3 2>/dev/null || true
    done
}

first_python() { # lowest minor version; prints nothing when there is none
    local each
    while read -r each; do
        if is_python "$each" "$1"; then
            printf '%s\n' "$each"
            return
        fi
    done < <(pythons)
}

is_uv() { # 0.8 or newer
    local version
    version=$("$1" --version 2>/dev/null) || return 1
    [[ $version =~ ^uv\ ([0-9]+)\.([0-9]+) ]] && ((BASH_REMATCH[1] > 0 || BASH_REMATCH[2] >= 8))
}

own_uv() {
    if ! is_uv .tools/bin/uv; then
        local host
        host=$(first_python 8)
        if [ -z "$host" ]; then
            say "There is neither uv nor Python here. Install either: https://docs.astral.sh/uv/ or apt install python3-venv."
            exit 1
        fi
        say "Getting uv into .tools …"
        if ! "$host" -m venv --clear .tools >/dev/null 2>&1; then
            say "$host can't make environments. Run: apt install python3-venv (or install uv: https://docs.astral.sh/uv/)."
            exit 1
        fi
        .tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8' >&2
    fi
    printf '%s\n' .tools/bin/uv
}

installed=$(head -n 1 "$stamp" 2>/dev/null || true)
# One environment: running after developing doesn't take the tools away.
[ "$installed" = all ] && wanted=all
agrees_with() { printf '%s\n' "$wanted"; cksum pyproject.toml uv.lock; }
if [ -x .venv/bin/soundmill ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(agrees_with)" ] && is_python .venv/bin/python 12; then
    exit 0
fi

if is_uv uv; then uv=uv; else uv=$(own_uv); fi
python=$(first_python 12)
groups=(--no-dev)
[ "$wanted" = all ] && groups=(--all-groups --all-extras)
say "Setting up .venv with ${python:-a Python that uv gets} …"
rm -f "$stamp"
# Compiled once here, or else in every start of every process where bytecode may not be written.
"$uv" sync --frozen --quiet --compile-bytecode "${groups[@]}" --python "${python:->=3.12}"
agrees_with >"$stamp"
