#!/usr/bin/env bash
# What the coordinator's calls cost with 1,000 workers, 10,000 jobs, 100,000 finished ones and a job of 1,000,000 pairs, beside a hundredth of it;
# with --postgresql beside the same with the catalog in PostgreSQL (a server that is started for it, on this machine, with fsync on).
#   benchmarks/coordinator.sh [--busy N] [--idle N] [--jobs N] [--finished N] [--pairs N] [--seconds N] [--postgresql]      takes 2 GB of disk
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
ninja -C build --quiet benchmark_coordinator alignflow-coordinator
build/bin/benchmark_coordinator "$@"
