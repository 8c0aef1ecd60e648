#!/usr/bin/env bash
# What the coordinator's calls cost with 1,000 workers, 10,000 jobs, 100,000 finished ones and a job of 1,000,000 pairs, beside a hundredth of it.
#   benchmarks/coordinator.sh [--busy N] [--idle N] [--jobs N] [--finished N] [--pairs N] [--seconds N]      takes 2 GB of disk
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
ninja -C build --quiet benchmark_coordinator alignflow-coordinator
build/bin/benchmark_coordinator "$@"
