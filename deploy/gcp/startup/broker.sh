#!/usr/bin/env bash
# Make this machine the broker: a Redis that keeps nothing on its disk. Runs at every start of the machine.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends redis-server

password=$(gcloud secrets versions access latest --secret=soundmill-redis-password)
# The firewall lets API, workers and janitor in, and nobody else. A full broker refuses, as evicting a message would be silent.
(
    umask 077
    cat >/etc/redis/soundmill.conf <<REDIS
bind 0.0.0.0
requirepass $password
appendonly no
save ""
maxmemory 512mb
maxmemory-policy noeviction
REDIS
)
chown redis:redis /etc/redis/soundmill.conf
grep -qxF 'include /etc/redis/soundmill.conf' /etc/redis/redis.conf || echo 'include /etc/redis/soundmill.conf' >>/etc/redis/redis.conf
systemctl enable --quiet redis-server
systemctl restart redis-server
