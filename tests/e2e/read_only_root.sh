#!/usr/bin/env bash
# read_only_root.sh STAGE STATE CACHE COMMAND...: runs a command as uid and gid 10001 in a root made of this machine's /usr with the installed
# files of STAGE over it: nothing of it can be written but /tmp, /var/lib/alignflow (STATE) and /var/cache/alignflow (CACHE), and what was built
# or fetched elsewhere is not there. Run it in a mount namespace of its own, as root.
set -euo pipefail
stage=$1 state=$2 cache=$3; shift 3
root=/mnt
mount -t tmpfs -o mode=0755 tmpfs "$root"
cd "$root"
mkdir -p usr etc proc dev tmp run var/lib/alignflow var/cache/alignflow
mount -t overlay -o "lowerdir=$stage/usr:/usr" overlay usr
for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
mount --bind /etc etc; mount -o remount,bind,ro etc
mount --bind /proc proc
for device in null zero random urandom; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --bind "$state" var/lib/alignflow
mount --bind "$cache" var/cache/alignflow
mount -o remount,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --bounding-set=-all \
  /usr/bin/env -i PATH=/usr/bin XDG_CACHE_HOME=/var/cache/alignflow "$@"
