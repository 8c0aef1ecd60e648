#!/usr/bin/env bash
# The job on real endoscopy: Kvasir as source, ten references from three video sequences of ClinicDB, figures against its other sequences.
#   benchmarks/polyps.sh POLYPS_DIR [OPTION of afctl align...]     POLYPS_DIR holds kvasir/ and clinicdb/, each with images/ and masks/
# Pairs, contact sheet and table are left in demo-output/.
set -euo pipefail
[ $# -ge 1 ] && [ -d "$1/kvasir" ] && [ -d "$1/clinicdb" ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
polyps=$(cd "$1" && pwd); shift
here=$(cd "$(dirname "$0")" && pwd)
split=$(mktemp -d)
trap 'rm -rf "$split"' EXIT
"$here/polyp_split.sh" "$polyps" "$split"
DEMO_ARGS="$*" DEMO_PAIRS=${DEMO_PAIRS:-128} "$here/../scripts/demo.sh" "$polyps/kvasir" "$split/references" "$split/target"
