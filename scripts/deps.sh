#!/usr/bin/env bash
# What the tests need from the system: independent judges of our results, and a browser. PostgreSQL comes as a package.
# `scripts/deps.sh ab nginx` installs these too, for load tests and benchmarks.
set -euo pipefail

has_browser() {
    local name
    for name in chromium-headless-shell chromium chromium-browser google-chrome; do
        type -P "$name" >/dev/null && return
    done
    return 1
}

missing=()
type -P ffmpeg >/dev/null && type -P ffprobe >/dev/null || missing+=(ffmpeg)
type -P flac >/dev/null || missing+=(flac)
type -P ip >/dev/null || missing+=(iproute2)
has_browser || missing+=(chromium)
for name in "$@"; do
    case $name in
    ab) type -P ab >/dev/null || missing+=(apache2-utils) ;;
    nginx) type -P nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx-light) ;;
    esac
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
if ! type -P apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "The tests need these programs: ${missing[*]}. Install them, e.g. with: sudo apt install ${missing[*]}" >&2
    exit 1
fi
echo "Installing ${missing[*]} …" >&2
without_windows() { # a part of Debian's Chromium, and all of it that the tests need; others have none
    if apt-cache show chromium-headless-shell >/dev/null 2>&1; then
        missing=("${missing[@]/chromium/chromium-headless-shell}")
    fi
}
if ! { "${as_root[@]}" apt-get update -qq && without_windows &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}"; } >&2; then
    echo "apt could not install what the tests need: ${missing[*]}. Install them by other means." >&2
    exit 1
fi
