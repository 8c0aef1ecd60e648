#!/usr/bin/env bash
# How few steps do: pairs of one dataset made from noise in 1, 2, 5, 10, 20 and 50 steps by models that were trained with independent and
# with optimal-transport coupling, held against images of the dataset that neither has seen. Prints a table of distances.
#   benchmarks/motfm.sh DATASET_DIR [OPTION of benchmarks/motfm/steps.py...]     DATASET_DIR holds images/ and masks/; --help lists options
# The service's state is left in OUT (--out), and the same command goes on where it stopped.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
exec python3 "$(dirname "$0")/motfm/steps.py" "$@"
