#!/usr/bin/env bash
# New masks beside a dataset's real ones: distances of their areas, places and parts, faults, and a contact sheet.
#   benchmarks/mask_synthesis.sh DATASET_FOLDER [LABELS [PRESET [MASKS]]]    DATASET_FOLDER holds images/ and masks/
# The sheet is left in demo-output/masks.png. Without LABELS (such as cup=0,disc=128,background=255) they are inferred.
set -euo pipefail
[ $# -ge 1 ] && [ -d "$1/masks" ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
folder=$(cd "$1" && pwd); shift
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
ninja -C build --quiet benchmark_mask_synthesis
mkdir -p demo-output
build/bin/benchmark_mask_synthesis "$folder" demo-output/masks.png "$@"
