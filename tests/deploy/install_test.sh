#!/usr/bin/env bash
# Installs AlignFlow in a bare Debian 12 root as an administrator would, starts both services by their units' command lines as the units' users,
# and runs a small job. Needs root and debootstrap; the bare root is kept in $DEPLOY_BASE (/var/tmp/alignflow-bare-root) for the next run.
#   install_test.sh packages FOLDER   the Debian packages in FOLDER, their dependencies from the network
#   install_test.sh bundle FILE       an air-gapped bundle (deploy/bundle.sh), with no network at all
set -euo pipefail
[ $# = 2 ] || { sed -n '2,5p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
what=$1 from=$(realpath "$2")
base=${DEPLOY_BASE:-/var/tmp/alignflow-bare-root}
if [ ! -e "$base/etc/debian_version" ]; then
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/\?$')
  debootstrap --variant=minbase --include=ca-certificates bookworm "$base" "$mirror" >/dev/null
fi
root=$(mktemp -d /var/tmp/alignflow-install-test.XXXXXX)
finish() {
  for m in proc dev; do mountpoint -q "$root/$m" && umount -l "$root/$m"; done
  rm -rf --one-file-system "$root"
}
trap finish EXIT
cp -a "$base/." "$root/"
mount --bind /proc "$root/proc"; mount --rbind /dev "$root/dev"; mount --make-rslave "$root/dev"
cp "$here/small_job.sh" "$here/in_root.sh" "$root/root/"
mkdir "$root/root/from"
isolate=()
if [ "$what" = packages ]; then
  cp "$from"/*.deb "$root/root/from/"
  cp -aL /etc/resolv.conf "$root/etc/"
  cp -a /etc/apt/sources.list* /etc/apt/apt.conf.d /etc/apt/auth.conf* "$root/etc/apt/" 2>/dev/null || true
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
else
  tar -xf "$from" -C "$root/root/from" --strip-components=1
  : >"$root/etc/apt/sources.list"; rm -rf "$root"/etc/apt/sources.list.d/*
  isolate=(unshare --net bash -c 'ip link set lo up && exec "$@"' isolated)
fi
"${isolate[@]}" chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  bash /root/in_root.sh "$what"
