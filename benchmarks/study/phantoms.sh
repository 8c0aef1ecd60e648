#!/usr/bin/env bash
# The study on made-up images: 300 of a source scanner, 10 references and 200 held-out images of target-a or target-b.
#   benchmarks/study/phantoms.sh target-a|target-b OUT [OPTION of study.py...]      STUDY_KIND=fundus|polyp chooses the images (fundus)
set -euo pipefail
case ${1:-} in target-a | target-b) ;; *) sed -n '2,3s/^# //p' "$0" >&2; exit 2 ;; esac
domain=$1 out=$2 kind=${STUDY_KIND:-fundus}; shift 2
here=$(dirname "$0")
afctl=$here/../../build/bin/afctl
labels=polyp=255
if [ "$kind" = fundus ]; then labels=cup=0,disc=128,background=255; fi
mkdir -p "$out"
make() { [ -d "$out/$1" ] || "$afctl" phantom "$out/$1" --kind "$kind" --domain "$2" --count "$3" --seed "$4"; }
make source source 300 1
make "$domain" "$domain" 200 2
make "$domain-references" "$domain" 10 3
exec python3 "$here/study.py" "$out" --name "$domain" --source "$out/source" --references "$out/$domain-references" --target "$out/$domain" --labels "$labels" "$@"
