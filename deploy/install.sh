#!/usr/bin/env bash
# install.sh [PACKAGE...]: installs AlignFlow from the unpacked bundle around it, with no network: by default coordinator, client and worker, else
# those that are named (alignflow-client on a workstation, alignflow-worker on a machine that only computes). As root, on Debian 12.
# The Python client: install.sh python3-venv, then python3 -m venv ENV && ENV/bin/pip install --no-index --find-links wheels 'alignflow[numpy]'
# Where the bundle is signed, look at the signature first: gpg --verify SHA256SUMS.asc SHA256SUMS
set -euo pipefail
cd "$(dirname "$(realpath "$0")")"
fail() { echo "install: $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "only root installs packages; run it with sudo"
grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || fail "the packages are for Debian 12 (bookworm) alone"
sha256sum --check --quiet --strict SHA256SUMS || fail "the bundle is damaged or was changed; copy it anew"
[ $# -gt 0 ] || set -- alignflow-coordinator alignflow-client alignflow-worker
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"
# The bundle is the only source, and the machine's own lists stay as they are. Its checksums stand for the signature that apt would ask for.
echo "deb [trusted=yes] file:$PWD ./" >"$work/sources.list"
apt=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists" -o Dir::Cache="$work"
  -o APT::Sandbox::User=root -o APT::Install-Recommends=no)
apt-get -qq "${apt[@]}" update
DEBIAN_FRONTEND=noninteractive apt-get -qq "${apt[@]}" --yes install "$@"
echo "install: done; security.md and operations.md say how to go on" >&2
