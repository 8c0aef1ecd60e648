#!/usr/bin/env bash
# The half of install_test.sh that runs in the bare root.
set -euo pipefail
cd /root/from
if [ "$1" = packages ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ./alignflow-*.deb >/root/apt.log || { tail -n 30 /root/apt.log; exit 1; }
else
  [ "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')" = lo ] || { echo "install_test: there is a network" >&2; exit 1; }
  { ./install.sh && ./install.sh python3-venv; } >/root/apt.log || { tail -n 30 /root/apt.log; exit 1; }
  python3 -m venv /root/venv
  /root/venv/bin/pip install --quiet --no-index --find-links wheels 'alignflow[numpy]'
fi
dpkg-query -W -f='${Package} ${Version} ${Installed-Size} KiB\n' 'alignflow-*'

# As systemd would: the unit's user and command line, with the variables of its EnvironmentFile.
start() {
  local unit=/usr/lib/systemd/system/$1.service OPTIONS user command
  user=$(sed -n 's/^User=//p' "$unit")
  . "$(sed -n 's/^EnvironmentFile=//p' "$unit")"
  command=$(sed -n 's/^ExecStart=//p' "$unit")
  command=${command//\$OPTIONS/$OPTIONS}
  setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --bounding-set=-all $command >/root/"$1".log 2>&1 &
}
start alignflow-coordinator; coordinator=$!
start alignflow-worker; worker=$!
await() {
  for _ in $(seq 60); do "$@" >/dev/null 2>&1 && return; sleep 1; done
  echo "install_test: waited 60 s for: $*" >&2; tail -n 20 /root/alignflow-*.log >&2; exit 1
}
await setpriv --reuid=alignflow --regid=alignflow --clear-groups alignflow-coordinator --probe --state-dir /var/lib/alignflow
await setpriv --reuid=alignflow-worker --regid=alignflow-worker --clear-groups alignflow-worker --probe --cache-dir /var/cache/alignflow
mkdir /root/job
AFCTL_SERVER=127.0.0.1:7400 bash /root/small_job.sh /root/job
if [ "$1" != packages ]; then
  job=$(grep -o '"jobs/[0-9a-f]*"' /root/job/job.json | head -n 1 | tr -d '"')
  AFCTL_SERVER=127.0.0.1:7400 /root/venv/bin/python -c 'import sys, alignflow
with alignflow.connect() as client: print("python:", sum(1 for _ in client.pairs(sys.argv[1])), "pairs")' "$job"
fi
kill "$worker"; wait "$worker"
kill "$coordinator"; wait "$coordinator"
[ "$(stat -c '%U %a' /var/lib/alignflow)" = "alignflow 700" ] || { echo "install_test: rights of the state folder" >&2; exit 1; }
if [ "$1" = packages ]; then
  DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq 'alignflow-*' >/root/apt.log 2>&1 || { tail -n 30 /root/apt.log; exit 1; }
  [ -e /var/lib/alignflow/catalog.sqlite ] || { echo "install_test: purging removed the state" >&2; exit 1; }
  [ ! -e /var/cache/alignflow ] || { echo "install_test: purging left the cache" >&2; exit 1; }
fi
echo "install_test: passed"
