#!/usr/bin/env bash
# Prints a Python with torch 2.11, monai, monai-generative and safetensors, beside which ours is timed, and with the packages named as arguments.
# ALIGNFLOW_PYTHON names one that is there; without it one is made in build/.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ -n ${ALIGNFLOW_PYTHON:-} ]]; then
  echo "$ALIGNFLOW_PYTHON"
  exit
fi
python=$PWD/build/reference-venv/bin/python
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
# Without what they depend on: PyTorch is there already.
[[ $# -eq 0 ]] || "$python" -m pip install -q --no-deps "$@"
echo "$python"
