#!/usr/bin/env bash
# What the references' own masks would bring on real endoscopy: the ten references, labelled, as half of the real images.
#   benchmarks/study/labelled_references.sh POLYPS_DIR OUT [OPTION of study.py...]     POLYPS_DIR holds kvasir/ and clinicdb/
# The line "real, ordinary augmentation" of the table, beside that of the study on Kvasir, is the answer.
set -euo pipefail
[ $# -ge 2 ] && [ -d "$1/kvasir" ] && [ -d "$1/clinicdb" ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
polyps=$1 out=$2; shift 2
here=$(dirname "$0")
[ -d "$out/target" ] || "$here/../polyp_split.sh" "$polyps" "$out"
if [ ! -d "$out/labelled" ]; then
  mkdir -p "$out/labelled.new"
  cp -r "$polyps/kvasir/images" "$polyps/kvasir/masks" "$out/labelled.new/"
  count=$(find "$polyps/kvasir/images" -type f | wc -l)
  references=("$out/references"/*)
  for ((i = 0; i < count; ++i)); do
    image=${references[i % ${#references[@]}]}
    mask=("$polyps/clinicdb/masks/$(basename "${image%.*}")".*)
    cp "$image" "$out/labelled.new/images/reference-$i.${image##*.}"
    cp "${mask[0]}" "$out/labelled.new/masks/reference-$i.${mask[0]##*.}"
  done
  mv "$out/labelled.new" "$out/labelled"
fi
exec python3 "$here/study.py" "$out" --source "$out/labelled" --references "$out/references" --target labelled="$out/target" --rows "real, ordinary augmentation" "$@"
