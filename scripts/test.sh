#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests. Ends with the line "N passed, N failed"; exit code 0 only
# if something ran and nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
echo "test: configuring and building in build/" >&2
cmake --preset release >/dev/null
ninja -C build --quiet

# The end-to-end tests are clients by another gRPC than the one that we link.
python=
if compgen -G "tests/e2e/*_test.py" >/dev/null; then
  requirements=tests/e2e/requirements.txt
  if ! cmp -s "$requirements" build/venv/requirements.txt; then
    echo "test: installing the Python packages of $requirements in build/venv" >&2
    rm -rf build/venv
    python3 -m venv build/venv
    # Kept, so that tests install the Python package and what it needs without a network.
    build/venv/bin/pip download -q --disable-pip-version-check -d build/venv/wheels -r "$requirements"
    build/venv/bin/pip install -q --disable-pip-version-check --no-index --find-links build/venv/wheels -r "$requirements"
    cp "$requirements" build/venv/requirements.txt
  fi
  python=build/venv/bin/python
fi
exec python3 tests/run_all.py --python "$python"
