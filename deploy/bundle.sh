#!/usr/bin/env bash
# bundle.sh OUT.tar [--packages FOLDER] [--sign KEY]: one archive that installs AlignFlow on a Debian 12 machine without a network: the packages
# (of build/packages, see docs/operations.md), everything of Debian's that they depend on, the Python client with all that it depends on (wheels/),
# checksums, and install.sh. With --sign the checksums are signed with a GnuPG key of yours. Needs Debian 12 with its package sources, dpkg-dev,
# python3-venv and PyPI or a mirror of it; nothing is installed here.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "bundle: $1" >&2; exit 1; }
out='' packages=build/packages key=''
while [ $# -gt 0 ]; do
  case $1 in
    --packages) packages=${2:?bundle: --packages wants a folder}; shift 2 ;;
    --sign) key=${2:?bundle: --sign wants the name of a GnuPG key}; shift 2 ;;
    -*) fail "no such option: $1; see the head of deploy/bundle.sh" ;;
    *) out=$1; shift ;;
  esac
done
[ -n "$out" ] || fail "give the archive to write, such as alignflow.tar"
compgen -G "$packages/alignflow-*.deb" >/dev/null ||
  fail "no alignflow-*.deb in $packages; make them with: cpack --config build/CPackConfig.cmake"
grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || fail "the packages are Debian 12's: make the bundle on Debian 12 (a container will do)"
command -v dpkg-scanpackages >/dev/null || fail "dpkg-scanpackages is missing: apt install dpkg-dev"
python3 -c 'import venv, ensurepip' 2>/dev/null || fail "Python's venv is missing: apt install python3-venv"

work=$(mktemp -d)
trap 'rm -rf "$work" "$out.unfinished"' EXIT
bundle=$work/alignflow
mkdir -p "$bundle/packages" "$work/lists/partial" "$work/archives/partial"
cp "$packages"/alignflow-*.deb "$bundle/packages/"
# As for a machine that has nothing installed: whatever the target lacks is there.
apt=(-qq -o Dir::State::status=/dev/null -o Dir::State::lists="$work/lists" -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives"
  -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o APT::Install-Recommends=no)
echo "bundle: fetching what the packages depend on" >&2
apt-get "${apt[@]}" update
apt-get "${apt[@]}" --yes --download-only install "$bundle"/packages/*.deb python3-venv >/dev/null
mv "$work"/archives/*.deb "$bundle/packages/"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" wheel --quiet --disable-pip-version-check --wheel-dir "$bundle/wheels" "./client/python[numpy]"
(cd "$bundle" && dpkg-scanpackages --multiversion packages 2>/dev/null >Packages)
install -m 0755 deploy/install.sh "$bundle/install.sh"
cp docs/operations.md docs/security.md "$bundle/"
(cd "$bundle" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum >SHA256SUMS)
[ -z "$key" ] || gpg --batch --local-user "$key" --armor --detach-sign --output "$bundle/SHA256SUMS.asc" "$bundle/SHA256SUMS"
tar -cf "$out.unfinished" --owner=0 --group=0 --sort=name -C "$work" alignflow
mv "$out.unfinished" "$out"
echo "bundle: $out, $(du -h "$out" | cut -f1), $(find "$bundle/packages" -name '*.deb' | wc -l) packages, sha256 $(sha256sum "$out" | cut -d' ' -f1)" >&2
