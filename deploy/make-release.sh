#!/usr/bin/env bash
# Make the folder that machines without containers install from: the wheel, its dependencies with their hashes, nginx's template, the units.
set -euo pipefail
folder=$(realpath -m "${1:?the folder to make}")
cd "$(dirname "$0")/.."

uv=uv
type -P uv >/dev/null || uv=.tools/bin/uv
[ ! -e "$folder" ] || { echo "$folder is there already." >&2; exit 1; }
mkdir -p "$folder"
"$uv" build --quiet --wheel --out-dir "$folder"
rm -f "$folder/.gitignore"
"$uv" export --quiet --frozen --no-dev --no-emit-project --format requirements-txt --output-file "$folder/requirements.txt"
cp deploy/nginx.conf "$folder"
cp -r deploy/systemd "$folder/systemd"
printf 'Made %s.\n' "$(cd "$folder" && echo *)"
