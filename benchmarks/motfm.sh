#!/usr/bin/env bash
# How few steps do: pairs of one dataset made from noise in 1, 2, 5, 10, 20 and 50 steps by models that were trained with independent and
# with optimal-transport coupling, held against images of the dataset that neither has seen. Prints a table of distances.
#   benchmarks/motfm.sh DATASET_DIR [OPTION of benchmarks/motfm/steps.py...]     DATASET_DIR holds images/ and masks/; --help lists options
# The service's state is left in OUT (--out), and the same command goes on where it stopped.
# Whether classes are learned: pairs made from noise by a model that is told masks alone and by one that is told classes, too (classes.csv),
# and what a classifier that was trained on real images takes them for. Prints a table and confusion matrices.
#   benchmarks/motfm.sh --classes NAME=DIR NAME=DIR... [OPTION of benchmarks/motfm/classes.py...]     the images of DIR are of class NAME
# How fast: training and sampling beside MOTFM's own Python, in 2-D and 3-D. Prints a table of ratios.
#   benchmarks/motfm.sh --peer MOTFM_CHECKOUT [OPTION of benchmarks/motfm/peer.py...]     MOTFM_CHECKOUT: github.com/milad1378yz/MOTFM
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,10s/^# //p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
[ "$1" != --classes ] || exec python3 "$here/motfm/classes.py" "${@:2}"
[ "$1" = --peer ] || exec python3 "$here/motfm/steps.py" "$@"
[ $# -ge 2 ] || { sed -n '9,10s/^# //p' "$0" >&2; exit 2; }
shift
ninja -C "$here/../build" benchmark_unet_cpu >&2
python=$("$here/reference_python.sh" flow_matching==1.0.10 torchdiffeq scipy pytorch-lightning==2.5.6 torchmetrics lightning-utilities \
  packaging PyYAML matplotlib contourpy cycler fonttools kiwisolver pillow pyparsing python-dateutil six)
exec "$python" "$here/motfm/peer.py" "$here/../build/bin/benchmark_unet_cpu" "$@"
