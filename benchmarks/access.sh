#!/usr/bin/env bash
# What TLS and an access key cost a client, beside the same on loopback without them.
#   benchmarks/access.sh [--calls N] [--rounds N]
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
ninja -C build --quiet benchmark_access alignflow-coordinator
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${curve[@]}" -keyout "$folder/ca.key" -out "$folder/ca.pem" -days 1 -subj "/CN=CA" 2>/dev/null
openssl req "${curve[@]}" -keyout "$folder/server.key" -out "$folder/server.csr" -subj "/CN=server" 2>/dev/null
openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial -out "$folder/server.pem" -days 1 \
  -extfile <(echo "subjectAltName=IP:127.0.0.1") 2>/dev/null
build/bin/benchmark_access "$folder" "$@"
