#!/usr/bin/env bash
# small_job.sh FOLDER: a whole job of seconds with the afctl of PATH at $AFCTL_SERVER, its data and pairs in FOLDER. Fails unless every pair came.
set -euo pipefail
folder=$1
afctl phantom "$folder/source" --kind polyp --domain source --count 12 --seed 1 >/dev/null
afctl phantom "$folder/references" --kind polyp --domain target-a --count 3 --seed 3 >/dev/null
afctl dataset push source "$folder/source" --labels polyp=255 >/dev/null
afctl align --source source --references "$folder/references" --pairs 36 --wait --json \
  --set fit.iterations=12 --set fit.batch=2 --set align.iterations=6 --set align.batch=2 --set align.pool=8 \
  --set generate.steps=4 --set figures.samples=8 --set gates.enabled=off --set evaluate.segmenter=none >"$folder/job.json"
job=$(grep -o '"jobs/[0-9a-f]*"' "$folder/job.json" | head -n 1 | tr -d '"')
afctl pairs pull "$job" "$folder/pairs" >/dev/null
pairs=$(wc -l <"$folder/pairs/manifest.jsonl")
[ "$pairs" = 36 ] || { echo "small_job: $pairs pairs instead of 36" >&2; exit 1; }
echo "small_job: $job made 36 pairs"
