#!/usr/bin/env bash
# Make the secrets of compose.yaml in deploy/secrets/ (or in the folder given), each readable for the service's user only.
# What exists already stays: a changed secret would log everybody out or lock the database's owner out.
set -euo pipefail
umask 077

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/secrets}
# Containers see a secret's file with its owner and mode as they are here, so the service has to run as that owner.
uid=$(id -u)
if [ "$uid" -eq 0 ]; then uid=${SOUNDMILL_UID:-10001}; fi

mkdir -p "$folder"
chmod 0700 "$folder"

# Letters and digits only: they stand in addresses without being escaped.
password() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

keep() { # name; content from standard input
    local content
    content=$(cat)
    if [ -s "$folder/$1" ]; then return; fi
    printf '%s' "$content" >"$folder/$1.new"
    chmod 0600 "$folder/$1.new"
    if [ "$(id -u)" -eq 0 ]; then chown "$uid" "$folder/$1.new"; fi
    mv "$folder/$1.new" "$folder/$1"
}

password | keep secret
password | keep worker-secret
password | keep database-password
password | keep redis-password
password | keep grafana-password
redis=$(cat "$folder/redis-password")
keep database-url <<<"postgresql+psycopg://soundmill:$(cat "$folder/database-password")@postgres:5432/soundmill"
keep broker-url <<<"redis://:$redis@redis:6379/0"
keep limits-url <<<"redis://:$redis@redis:6379/1"
# The broker is a doorbell: it keeps nothing on the disk, and evicting a message would be silent, so a full one refuses instead.
keep redis.conf <<REDIS
requirepass $redis
appendonly no
save ""
dir /tmp
maxmemory 256mb
maxmemory-policy noeviction
REDIS

if [ "$folder" = "$here/secrets" ] && ! grep -qs '^SOUNDMILL_UID=' "$here/.env"; then
    printf 'SOUNDMILL_UID=%s\n' "$uid" >>"$here/.env"
    chmod 0644 "$here/.env" # who may use Docker reads it, and there is no secret in it
fi
printf 'The secrets are in %s, for user %s.\n' "$folder" "$uid"
