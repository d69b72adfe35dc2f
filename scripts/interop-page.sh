#!/usr/bin/env bash
# The stage's page in Chromium shows and plays the tracks of a Sora and of a LiveKit session.
# Needs chromium, and Go 1.26 where livekit-server was not built before.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || {
  echo "chromium is missing; run: npm run setup -- --for ci" >&2
  exit 1
}
port=${LIVEKIT_PORT:-17990}
bash scripts/livekit-server.sh --fetch-only
log=$(mktemp)
bash scripts/livekit-server.sh "$port" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -f "$log"' EXIT
curl --silent --retry 50 --retry-connrefused --retry-delay 1 --output /dev/null "http://127.0.0.1:$port" || {
  cat "$log" >&2
  exit 1
}
node --conditions=troupe-source test/interop/page/run.ts "http://127.0.0.1:$port"
