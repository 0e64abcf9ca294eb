#!/usr/bin/env bash
# Check what lies in deploy/ as far as it can be without a cloud, a cluster and a Docker engine. One line a check: ok, failed, or not possible
# here, with the reason. Status 1 when one failed. What is missing is installed: Debian packages on this machine when run as root, all else into .tools/deploy.
#   scripts/check-deploy.sh [CHECK…]     the names are those that the lines begin with
# shellcheck disable=SC2317 # the checks are called by their names
set -uo pipefail
cd "$(dirname "$0")/.." || exit

tools=$PWD/.tools/deploy
log=$tools/log
mkdir -p "$log"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

not_possible() { # reason
    printf '%s\n' "$1"
    return 77
}

apt_install() { # Debian packages
    type -P apt-get >/dev/null && [ "$(id -u)" -eq 0 ] || return
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"; } >>"$log/apt" 2>&1
}

have() { # program, Debian package
    type -P "$1" >/dev/null || { apt_install "$2" && type -P "$1" >/dev/null; }
}

python_tools() { # the programs below, in an environment of their own
    [ -x "$tools/py/bin/kubernetes-validate" ] && return
    .venv/bin/python -m venv "$tools/py" && "$tools/py/bin/pip" install --quiet --disable-pip-version-check \
        'check-jsonschema>=0.39' 'kubernetes-validate>=1.37' 'python-hcl2>=8' >"$log/pip" 2>&1
}

# A Debian with Python 3.12 or newer: the base of the image where no registry of images is reached.
debian() {
    [ -e "$tools/debian/.complete" ] && return
    have debootstrap debootstrap || return
    rm -rf "$tools/debian"
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,docker-compose trixie "$tools/debian" \
        http://deb.debian.org/debian >"$log/debootstrap" 2>&1 || return
    # Whom this machine trusts, the build trusts too: its way to PyPI may have a certificate of its own.
    cp /etc/ssl/certs/ca-certificates.crt "$tools/debian/etc/ssl/certs/ca-certificates.crt"
    touch "$tools/debian/.complete"
}

check_shell() {
    have shellcheck shellcheck || { not_possible "no shellcheck, and apt can't install it"; return; }
    shellcheck scripts/check-deploy.sh deploy/make-secrets.sh deploy/make-release.sh deploy/gcp/startup/broker.sh
}

check_secrets() { # every secret is there, for its owner only, and stays when made again; none is in git
    deploy/make-secrets.sh "$scratch/secrets" >/dev/null || return
    local before wrong
    before=$(cat "$scratch"/secrets/*)
    deploy/make-secrets.sh "$scratch/secrets" >/dev/null || return
    [ "$before" = "$(cat "$scratch"/secrets/*)" ] || { echo "a second run changed them"; return 1; }
    wrong=$(find "$scratch/secrets" -type f ! -perm 0600)
    [ -z "$wrong" ] || { echo "readable for others: $wrong"; return 1; }
    [ "$(wc -c <"$scratch/secrets/secret")" -ge 32 ] || { echo "the secret is too short"; return 1; }
    local path
    for path in deploy/secrets/secret deploy/.env; do
        git check-ignore --quiet "$path" || { echo "git would take $path"; return 1; }
    done
}

check_compose_schema() {
    python_tools || { not_possible "PyPI isn't reached"; return; }
    "$tools/py/bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml
}

check_compose_config() {
    mkdir -p "$scratch/compose" && cp -r deploy/. "$scratch/compose" && "$scratch/compose/make-secrets.sh" >/dev/null || return
    if docker compose version >/dev/null 2>&1; then
        docker compose -f "$scratch/compose/compose.yaml" config --quiet
    elif debian; then
        mkdir -p "$tools/debian/mnt/check" && cp -r "$scratch/compose/." "$tools/debian/mnt/check" || return
        chroot "$tools/debian" docker-compose -f /mnt/check/compose.yaml config --quiet
        local status=$?
        rm -rf "$tools/debian/mnt/check"
        return "$status"
    else
        not_possible "neither docker compose nor a Debian with it"
    fi
}

check_nginx_syntax() {
    have nginx nginx-light || { not_possible "no nginx, and apt can't install it"; return; }
    .venv/bin/python deploy/checks/through_nginx.py "$(type -P nginx)" --syntax
}

check_nginx_service() {
    have nginx nginx-light || { not_possible "no nginx, and apt can't install it"; return; }
    .venv/bin/python deploy/checks/through_nginx.py "$(type -P nginx)"
}

check_nginx_fleet() {
    have nginx nginx-light || { not_possible "no nginx, and apt can't install it"; return; }
    PYTHONPATH=$PWD .venv/bin/python deploy/checks/through_nginx.py "$(type -P nginx)" --fleet
}

# Debian's, unpacked and not installed: its package would start a server of its own.
prometheus() { # program of the package; prints where it is
    if type -P "$1"; then return; fi
    local program=$tools/prometheus/usr/bin/$1
    if [ ! -x "$program" ]; then
        mkdir -p "$tools/prometheus" && (cd "$tools/prometheus" && { apt-get download prometheus || { apt-get update -qq && apt-get download prometheus; } } &&
            dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb) >>"$log/apt" 2>&1 || return
    fi
    printf '%s\n' "$program"
}

check_alert_rules() {
    local promtool
    promtool=$(prometheus promtool) || { not_possible "no promtool, and apt can't get it"; return; }
    (cd deploy/monitoring && "$promtool" check config prometheus.yml && "$promtool" test rules alerts_test.yml) || return
    cmp deploy/monitoring/alerts.yml deploy/helm/soundmill/files/alerts.yml
}

check_monitoring() { # a fleet under a real Prometheus: every query has data, and what is broken is told
    local server
    server=$(prometheus prometheus) || { not_possible "no Prometheus, and apt can't get it"; return; }
    PYTHONPATH=$PWD .venv/bin/python -W ignore deploy/checks/under_prometheus.py "$server"
}

check_release() { # what is made installs with nothing but the hashes that the lock file knows, and starts
    deploy/make-release.sh "$scratch/release" && .venv/bin/python -m venv "$scratch/machine" || return
    "$scratch/machine/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$scratch/release/requirements.txt" &&
        "$scratch/machine/bin/pip" install --quiet --disable-pip-version-check --no-deps "$scratch"/release/soundmill-*.whl || return
    (cd / && "$scratch/machine/bin/soundmill" --version)
}

images() { buildah --root "$tools/store" --runroot "$tools/run" --storage-driver vfs "$@"; }

check_image() {
    [ "$(id -u)" -eq 0 ] || { not_possible "building without a Docker engine needs root"; return; }
    have buildah buildah || { not_possible "no buildah, and apt can't install it"; return; }
    debian || { not_possible "no Debian to build on: see $log/debootstrap"; return; }
    local base
    base=$(images from scratch) && images add --quiet "$base" "$tools/debian" / >/dev/null || return
    images config --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$base"
    images commit --quiet --rm "$base" localhost/soundmill-base || return
    images build --quiet --format docker --isolation chroot --network host --build-arg BASE=localhost/soundmill-base \
        --file deploy/Dockerfile --tag localhost/soundmill . || return
    local container said status=0
    container=$(images from --pull-never localhost/soundmill) || return
    # Its user, its version, and a conversion: FFmpeg and libsndfile come in wheels and must find all they need in a small image.
    said=$(images run --isolation chroot "$container" -- sh -c 'id -u && soundmill --version && cd /tmp && python -c "
import wave
with wave.open(\"/tmp/one.wav\", \"wb\") as sound:
    sound.setparams((2, 2, 44100, 0, \"NONE\", \"\"))
    sound.writeframes(bytes(4 * 44100))
" && soundmill convert /tmp/one.wav --to ogg >&2 && test -s /tmp/one.ogg && echo converted') || status=1
    images rm "$container" >/dev/null
    # Layers of a file system without copy-on-write: nobody wants to keep them.
    images rmi --all --force >/dev/null
    printf '%s\n' "$said"
    [ "$status" -eq 0 ] && [[ $said == 10001$'\n'"soundmill "*$'\n'converted ]]
}

check_units() {
    have systemd-analyze systemd || { not_possible "no systemd-analyze"; return; }
    # The programs and the mount point are the target machine's, so a stand-in for the program is put under another root.
    local root=$scratch/root unit
    mkdir -p "$root/opt/soundmill/bin" "$root/etc/systemd/system" "$root/usr/lib/systemd"
    cp -r /lib/systemd/system "$root/usr/lib/systemd/" 2>/dev/null
    install -m 0755 /dev/null "$root/opt/soundmill/bin/soundmill"
    cp deploy/systemd/*.service "$root/etc/systemd/system"
    local said
    said=$(systemd-analyze verify --root="$root" soundmill.service soundmill-api.service soundmill-worker.service soundmill-janitor.service 2>&1) || { printf '%s\n' "$said"; return 1; }
    if grep -F soundmill <<<"$said"; then return 1; fi
    for unit in deploy/systemd/*.service; do
        # 0 is confined fully, 10 not at all.
        systemd-analyze security --offline=true --threshold=25 --no-pager "$unit" | tail -n 1 || return
    done
}

terraform_here() { # in the folder given; without this machine's own settings of Terraform
    env --unset=TF_CLI_CONFIG_FILE terraform -chdir="$1" "${@:2}"
}

check_terraform_format() {
    type -P terraform >/dev/null || { not_possible "no terraform on the PATH"; return; }
    terraform_here deploy/gcp fmt -check -diff
}

check_terraform_names() {
    python_tools || { not_possible "PyPI isn't reached"; return; }
    # The provider itself is not on PyPI, Debian or npm. These declarations are made from its schema.
    local types=$tools/provider/package/lib
    if [ ! -d "$types" ] && type -P npm >/dev/null; then
        mkdir -p "$tools/provider" && (cd "$tools/provider" && npm pack --silent @cdktf/provider-google@16.12.1 &&
            tar -xzf cdktf-provider-google-*.tgz --wildcards 'package/lib/*/index.d.ts' && rm cdktf-provider-google-*.tgz) >"$log/npm" 2>&1
    fi
    local given=()
    [ -d "$types" ] && given=("$types")
    "$tools/py/bin/python" deploy/checks/terraform_names.py "${given[@]}"
}

check_terraform_validate() {
    type -P terraform >/dev/null || { not_possible "no terraform on the PATH"; return; }
    cp -r deploy/gcp "$scratch/gcp"
    terraform_here "$scratch/gcp" init -backend=false -input=false -no-color >"$log/terraform-init" 2>&1 ||
        { not_possible "terraform can't get the providers, see ${log#"$PWD"/}/terraform-init"; return; }
    terraform_here "$scratch/gcp" validate -no-color
}

check_startup_scripts() { # the templates as Terraform renders them, through bash and shellcheck
    type -P terraform >/dev/null || { not_possible "no terraform on the PATH"; return; }
    have shellcheck shellcheck || { not_possible "no shellcheck, and apt can't install it"; return; }
    local folder=$scratch/startup
    mkdir -p "$folder/made" && cp -r deploy/gcp/startup "$folder/" || return
    cat >"$folder/main.tf" <<'TERRAFORM' || return
locals {
  made = merge(
    { for pair in setproduct(["api", "worker", "janitor"], [true, false]) :
      "${pair[0]}-${pair[1] ? "bucket" : "nfs"}" => templatefile("startup/soundmill.sh.tftpl", {
        role      = pair[0], release = "gs://releases/1", secrets = ["secret", "limits-url"], bucket_storage = pair[1], bucket = "files",
        forwarded = "$scheme", balancer = "203.0.113.1", settings = { SOUNDMILL_KEEP = "86400" }, body_limit = "11811160064"
      })
    },
    { nfs = templatefile("startup/nfs.sh.tftpl", { clients = "10.0.0.0/8" }) },
  )
}
output "made" {
  value = local.made
}
TERRAFORM
    terraform_here "$folder" apply -input=false -auto-approve -no-color >/dev/null || return
    terraform_here "$folder" output -json made | .venv/bin/python -c '
import json, pathlib, sys
for name, text in json.load(sys.stdin).items():
    (pathlib.Path(sys.argv[1]) / f"{name}.sh").write_text(text)
' "$folder/made" || return
    shellcheck "$folder"/made/*.sh && printf '%s scripts\n' "$(find "$folder/made" -name '*.sh' | wc -l)"
}

check_chart_values() {
    python_tools || { not_possible "PyPI isn't reached"; return; }
    "$tools/py/bin/python" deploy/checks/chart_manifests.py values
}

# There is no helm on PyPI, Debian or npm; what it renders with is Go's template engine and sprig, which Debian has.
check_chart_manifests() {
    python_tools || { not_possible "PyPI isn't reached"; return; }
    if type -P helm >/dev/null; then
        helm lint --quiet deploy/helm/soundmill --values deploy/helm/trial-values.yaml || return
    fi
    { type -P go >/dev/null && [ -d /usr/share/gocode/src/github.com/Masterminds/sprig ]; } ||
        apt_install golang-go golang-github-masterminds-sprig-dev ||
        { not_possible "no Go and sprig to build the renderer with, and apt can't install them"; return; }
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$tools/go go build -o "$tools/render_chart" deploy/checks/render_chart.go || return
    "$tools/py/bin/python" deploy/checks/chart_manifests.py manifests "$tools/render_chart"
}

failed=0
report() { # name, function
    local said status
    "$2" >"$log/$1" 2>&1
    status=$?
    said=$(tail -n 1 "$log/$1")
    case $status in
    0) printf '%-18s ok\n' "$1" ;;
    77) printf '%-18s not possible here: %s\n' "$1" "$said" ;;
    *)
        printf '%-18s failed: %s (all of it: %s)\n' "$1" "$said" "${log#"$PWD"/}/$1"
        failed=1
        ;;
    esac
}

all=(shell secrets compose-schema compose-config nginx-syntax nginx-service nginx-fleet units terraform-format terraform-names terraform-validate startup-scripts chart-values chart-manifests alert-rules monitoring release image)
for name in "${@:-${all[@]}}"; do
    report "$name" "check_${name//-/_}"
done
exit $failed
