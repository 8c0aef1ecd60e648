#!/usr/bin/env bash
# What each kind of task costs on sources of 1,000 and 10,000 images of 1024 pixels: seconds, bytes read, peak memory.
#   benchmarks/large_source.sh [IMAGES...]      takes 3 GB of disk and a quarter of an hour of CPU time
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
ninja -C build --quiet benchmark_large_source
for images in "${@:-1000 10000}"; do
  for count in $images; do build/bin/benchmark_large_source "$count"; done
done
