#!/usr/bin/env bash
# images_test.sh COORDINATOR-IMAGE WORKER-IMAGE [PROGRAMS]: runs images that buildah built by their own entry points, commands, users and health
# checks, each in its file system mounted read-only, with TLS and keys as deploy/compose.yaml gives them, on a network of their own; then a small
# job with the afctl of the folder PROGRAMS (build/bin). Prints sizes. Needs root and buildah; no container engine.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,4p' "$0"; exit 2; }
if [ -z "${IMAGES_TEST_INSIDE:-}" ]; then
  IMAGES_TEST_INSIDE=1 exec unshare --mount --net "$0" "$@"
fi
ip link set lo up
here=$(cd "$(dirname "$0")" && pwd)
export PATH=${3:-$here/../../build/bin}:$PATH STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}
work=$(mktemp -d)
chmod 755 "$work"
containers=() pids=()
finish() {
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  umount -R "$work"/root-* 2>/dev/null || true
  for container in "${containers[@]}"; do buildah rm "$container" >/dev/null; done
  rm -rf --one-file-system "$work"
}
trap finish EXIT
fail() { echo "images_test: $1" >&2; tail -n 20 "$work"/*.log >&2 || true; exit 1; }

# TLS files and a place for keys, as in the folder secrets of deploy/compose.yaml.
mkdir "$work/secrets" && cd "$work/secrets"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=ca -days 2 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server-key.pem -out server.csr -subj /CN=coordinator 2>/dev/null
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out server.pem -days 1 \
  -extfile <(echo subjectAltName=DNS:coordinator,IP:127.0.0.1) 2>/dev/null
rm ca-key.pem server.csr
: >worker-key; chown -R 10001:10001 .; chmod 0400 -- *

# A field of an image's configuration, a list one element a line.
config() {
  buildah inspect --type image "$1" | python3 -c '
import json, sys
value = json.load(sys.stdin)["Docker"]["config"]
for key in sys.argv[1].split("."):
    value = (value or {}).get(key)
print("\n".join(map(str, value)) if isinstance(value, (list, dict)) else value or "")' "$2"
}

# The image's file system at root-NAME: read-only but for its volume and /tmp.
mount_image() {
  local name=$1 image=$2 container root=$work/root-$1 volume
  container=$(buildah from --pull-never "$image"); containers+=("$container")
  mkdir "$root" "$work/volume-$name"
  mount --bind "$(buildah mount "$container")" "$root"
  mkdir -p "$root/run/secrets"
  volume=$(config "$image" Volumes)
  [ "$(echo "$volume" | wc -l)" = 1 ] || fail "$image: not one volume: $volume"
  cp -a "$root$volume/." "$work/volume-$name/"
  chown --reference="$root$volume" "$work/volume-$name"
  mount -o remount,bind,ro "$root"
  mount --bind "$work/volume-$name" "$root$volume"
  mount --bind "$work/secrets" "$root/run/secrets"; mount -o remount,bind,ro "$root/run/secrets"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/dev"
  for device in null zero random urandom; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
  printf '127.0.0.1 localhost coordinator\n' >"$work/hosts"
  mount --bind "$work/hosts" "$root/etc/hosts"
  [ "$(config "$image" User)" = 10001:10001 ] || fail "$image: its user is not 10001:10001"
  local left
  left=$(cd "$root" && find usr/bin usr/local/bin -name 'gcc*' -o -name 'g++*' -o -name cc -o -name ld -o -name cmake -o -name ninja -o -name 'pip*'
    find var/cache/apt/archives -name '*.deb'; find var/lib/apt/lists -type f)
  [ -z "$left" ] || fail "$image: holds what only a build needs: $left"
}
# in_image NAME IMAGE COMMAND...: with the image's environment and user, and no capability.
in_image() {
  local name=$1 image=$2 variables; shift 2
  mapfile -t variables < <(config "$image" Env)
  exec chroot "$work/root-$name" /usr/bin/setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --bounding-set=-all \
    /usr/bin/env -i "${variables[@]}" "$@"
}
start() {
  local name=$1 image=$2 entry command
  mapfile -t entry < <(config "$image" Entrypoint)
  mapfile -t command < <(config "$image" Cmd)
  (in_image "$name" "$image" "${entry[@]}" "${command[@]}") >"$work/$name.log" 2>&1 &
  pids+=($!)
}
healthy() {
  local check
  mapfile -t check < <(config "$2" Healthcheck.Test)
  [ "${check[0]}" = CMD ] || fail "$2: no health check; build it with --format docker"
  for _ in $(seq 90); do (in_image "$1" "$2" "${check[@]:1}") >"$work/health.log" 2>&1 && return; sleep 1; done
  fail "$2: not healthy after 90 s"
}

coordinator=$1 worker=$2
mount_image coordinator "$coordinator"
mount_image worker "$worker"
for role in operator worker; do
  (in_image coordinator "$coordinator" /usr/bin/alignflow-coordinator keys create --state-dir /var/lib/alignflow/state --role $role --name test) \
    >"$work/$role-key" 2>"$work/keys.log" || fail "no key could be made"
done
cat "$work/worker-key" >"$work/secrets/worker-key"
start coordinator "$coordinator"; healthy coordinator "$coordinator"
start worker "$worker"; healthy worker "$worker"
mkdir "$work/job"
AFCTL_SERVER=127.0.0.1:7400 AFCTL_CA=$work/secrets/ca.pem AFCTL_KEY=$(head -n 1 "$work/operator-key") AFCTL_CONFIG=$work/none \
  "$here/small_job.sh" "$work/job" 2>"$work/afctl.log" || fail "the job failed"
for pid in "${pids[1]}" "${pids[0]}"; do kill -TERM "$pid"; wait "$pid" || fail "SIGTERM did not end a program with 0"; done
for name in coordinator worker; do
  [ -z "$(find "$work/volume-$name" ! -uid 10001)" ] || fail "$name wrote files of another user"
  echo "$name: $(du -sm --one-file-system --exclude=proc --exclude=dev "$work/root-$name" | cut -f1) MiB"
done
echo "images_test: passed"
