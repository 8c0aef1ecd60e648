#!/usr/bin/env bash
# What each kind of task costs on sources of 1,000 and 10,000 images of 1024 pixels: seconds, bytes read, peak memory. Arguments go to
# large_source.py; --programs DIR measures other programs, such as an older release's. Takes 5 GB of disk and some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
ninja -C build --quiet benchmark_large_source alignflow-coordinator alignflow-worker afctl
exec python3 benchmarks/large_source.py "$@"
