#!/usr/bin/env bash
# The study on real endoscopy: Kvasir as source, ClinicDB as target, split by video sequence (benchmarks/polyp_split.sh).
#   benchmarks/study/polyps.sh POLYPS_DIR OUT [OPTION of study.py...]     POLYPS_DIR holds kvasir/ and clinicdb/, each with images/ and masks/
set -euo pipefail
[ $# -ge 2 ] && [ -d "$1/kvasir" ] && [ -d "$1/clinicdb" ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
polyps=$1 out=$2; shift 2
here=$(dirname "$0")
[ -d "$out/target" ] || "$here/../polyp_split.sh" "$polyps" "$out"
exec python3 "$here/study.py" "$out" --name clinicdb --source "$polyps/kvasir" --references "$out/references" --target "$out/target" "$@"
