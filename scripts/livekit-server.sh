#!/usr/bin/env bash
# Builds livekit-server once into a cache folder and starts one for development on the loopback.
# Usage: livekit-server.sh [--fetch-only] [PORT]
# PORT (7880) takes HTTP and WebSockets, PORT+1 ICE over TCP, PORT+2 ICE over UDP: servers may run side by side.
# The API key is devkey, its secret is secret. LIVEKIT_CONFIG_EXTRA holds further lines of its YAML configuration,
# LIVEKIT_VERSION names another version, LIVEKIT_ADDRESS another address to be reached at.
set -euo pipefail

version=${LIVEKIT_VERSION:-1.13.5}
folder="${XDG_CACHE_HOME:-$HOME/.cache}/troupe/livekit-server-$version"

if [ ! -x "$folder/server" ]; then
  command -v go >/dev/null || {
    echo "livekit-server needs Go 1.26 or newer to be built: https://go.dev/dl" >&2
    exit 1
  }
  mkdir -p "$folder"
  building=$(mktemp -d "$folder/building.XXXXXX")
  trap 'rm -rf "$building"' EXIT
  echo "building livekit-server $version (about two minutes, once)" >&2
  GOBIN="$building" GOTOOLCHAIN="${GOTOOLCHAIN:-auto}" \
    go install "github.com/livekit/livekit-server/cmd/server@v$version"
  mv -f "$building/server" "$folder/server"
  rm -rf "$building"
  trap - EXIT
fi

[ "${1:-}" = --fetch-only ] && exit 0

port=${1:-7880}
address=${LIVEKIT_ADDRESS:-127.0.0.1}
exec "$folder/server" --dev --bind "$address" --node-ip "$address" --config-body "
port: $port
rtc:
  tcp_port: $((port + 1))
  udp_port: $((port + 2))
  use_external_ip: false
  enable_loopback_candidate: true
  ips:
    includes:
      - $address/32
${LIVEKIT_CONFIG_EXTRA:-}
"
