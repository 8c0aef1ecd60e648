#!/usr/bin/env bash
# SD 3.5 Medium beside diffusers' pipeline: prints a Markdown table. Arguments go to sd35.py. Builds the engine alone, so that
# PyTorch 2.11, CMake, ninja, a C++ compiler, nlohmann-json's headers (CPATH, where they are not installed) and, for a GPU, nvcc
# are all that it needs.
# ALIGNFLOW_PYTHON names a Python with torch 2.11 and, for the peer's rows, diffusers, transformers and safetensors. Without it
# python3 is taken if it has torch; otherwise a Python with everything is made in build-engine/.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${ALIGNFLOW_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
  python=$PWD/build-engine/reference-venv/bin/python
  if ! "$python" -c 'import torch, diffusers, transformers' 2>/dev/null; then
    python3 -m venv build-engine/reference-venv
    "$python" -m pip install -q torch==2.11.0 diffusers==0.42.1 transformers==5.23.0 safetensors
  fi
fi
torch=third_party/libtorch/torch
[[ -d $torch ]] || torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')
cmake --preset engine -DALIGNFLOW_TORCH_DIR="$(realpath "$torch")" >&2
ninja -C build-engine benchmark_sd35 >&2
exec "$python" benchmarks/sd35.py build-engine/bin/benchmark_sd35 "$@"
