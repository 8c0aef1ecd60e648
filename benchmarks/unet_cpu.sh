#!/usr/bin/env bash
# Our U-Net beside MONAI's, on the CPU: prints a Markdown table. Arguments go to unet_cpu.py; reference_python.sh says with which Python.
set -euo pipefail
cd "$(dirname "$0")/.."

ninja -C build benchmark_unet_cpu >&2
python=$(benchmarks/reference_python.sh)
exec "$python" benchmarks/unet_cpu.py build/bin/benchmark_unet_cpu "$@"
