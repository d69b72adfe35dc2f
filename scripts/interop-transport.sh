#!/usr/bin/env bash
# Our transport against node-datachannel, Pion, Chromium and itself, by one table of cases.
# Needs chromium, coturn (relays), iproute2, nftables and the right to make network namespaces (NAT), and Go 1.24 or newer, which builds the small program on Pion once.
# Arguments: the implementations to run (troupe, node-datachannel, pion, chromium), or network; all when left out.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || {
  echo "chromium is missing; run: npm run setup -- --for ci" >&2
  exit 1
}
for tool in turnserver ip nft unshare nsenter; do
  command -v $tool >/dev/null || {
    echo "$tool is missing; run: npm run setup -- --for ci" >&2
    exit 1
  }
done
bash scripts/livekit-server.sh --fetch-only
folder="${XDG_CACHE_HOME:-$HOME/.cache}/troupe/pion-echo"
mkdir -p "$folder"
(cd test/interop/transport/pion && go build -o "$folder/echo" .)
exec timeout --kill-after=10 900 node --conditions=troupe-source test/interop/transport/run.ts "$folder/echo" "$@"
