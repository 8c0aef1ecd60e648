#!/usr/bin/env bash
# Our U-Net beside MONAI's, on the CPU: prints a Markdown table. Arguments go to unet_cpu.py.
# ALIGNFLOW_PYTHON names a Python with torch 2.11, monai, monai-generative and safetensors; without it one is made in build/.
set -euo pipefail
cd "$(dirname "$0")/.."

ninja -C build benchmark_unet_cpu >&2
python=${ALIGNFLOW_PYTHON:-}
if [[ -z $python ]]; then
  python=build/reference-venv/bin/python
  if [[ ! -x $python ]] || ! "$python" -c 'import torch, generative, safetensors' 2>/dev/null; then
    python3 -m venv build/reference-venv
    "$python" -m pip install -q numpy einops safetensors tqdm typing_extensions sympy networkx jinja2 filelock fsspec
    "$python" -m pip install -q --no-deps monai==1.6.1 monai-generative==0.2.3
    # The wheel that scripts/setup.sh unpacked is a whole PyTorch. It needs a CUDA toolkit's libraries to be imported: where there is
    # none, PyTorch is installed with them.
    echo "$PWD/third_party/libtorch" > "$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/libtorch.pth"
    if ! "$python" -c 'import torch' 2>/dev/null; then
      "$python" -m pip install -q torch==2.11.0
    fi
  fi
fi
exec "$python" benchmarks/unet_cpu.py build/bin/benchmark_unet_cpu "$@"
