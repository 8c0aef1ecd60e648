#!/usr/bin/env bash
# Splits ClinicDB by video sequence: ten references from three sequences, the other sequences as target.
#   benchmarks/polyp_split.sh POLYPS_DIR OUT     POLYPS_DIR holds clinicdb/images and clinicdb/masks; OUT gets references/ and target/
set -euo pipefail
[ $# -eq 2 ] && [ -d "$1/clinicdb" ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
images=$1/clinicdb/images masks=$1/clinicdb/masks out=$2
mkdir -p "$out/references" "$out/target/images" "$out/target/masks"
# Neighbouring frames of a video look alike: references come from other sequences than the images they are judged by.
for image in "$images"/*; do
  case $(basename "$image") in
    seq05_* | seq15_* | seq25_*) ;;
    *)
      stem=$(basename "${image%.*}")
      cp "$image" "$out/target/images/"
      cp "$masks/$stem".* "$out/target/masks/"
      ;;
  esac
done
pick() {  # SEQUENCE COUNT: frames evenly from a sequence
  local frames=("$images/$1"_*) i
  for ((i = 0; i < $2; ++i)); do cp "${frames[i * ${#frames[@]} / $2]}" "$out/references/"; done
}
pick seq05 4
pick seq15 3
pick seq25 3
