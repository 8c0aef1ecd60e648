#!/usr/bin/env bash
# The job on real endoscopy: Kvasir as source, ten references from three video sequences of ClinicDB, figures against its other sequences.
#   benchmarks/polyps.sh POLYPS_DIR [OPTION of afctl align...]     POLYPS_DIR holds kvasir/ and clinicdb/, each with images/ and masks/
# Pairs, contact sheet and table are left in demo-output/.
set -euo pipefail
[ $# -ge 1 ] && [ -d "$1/kvasir" ] && [ -d "$1/clinicdb" ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
polyps=$(cd "$1" && pwd); shift
split=$(mktemp -d)
trap 'rm -rf "$split"' EXIT
mkdir -p "$split/references" "$split/target/images" "$split/target/masks"
# Neighbouring frames of a video look alike: references come from other sequences than the images they are judged by.
for image in "$polyps"/clinicdb/images/*; do
  case $(basename "$image") in
    seq05_* | seq15_* | seq25_*) ;;
    *)
      stem=$(basename "${image%.*}")
      cp "$image" "$split/target/images/"
      cp "$polyps/clinicdb/masks/$stem".* "$split/target/masks/"
      ;;
  esac
done
pick() {  # SEQUENCE COUNT: frames evenly from a sequence
  local frames=("$polyps/clinicdb/images/$1"_*) i
  for ((i = 0; i < $2; ++i)); do cp "${frames[i * ${#frames[@]} / $2]}" "$split/references/"; done
}
pick seq05 4
pick seq15 3
pick seq25 3
DEMO_ARGS="$*" DEMO_PAIRS=${DEMO_PAIRS:-128} "$(dirname "$0")/../scripts/demo.sh" "$polyps/kvasir" "$split/references" "$split/target"
