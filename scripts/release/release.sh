#!/usr/bin/env bash
# `npm run release`: builds the addon for this platform, packs everything, and installs it on a clean Debian 12, where the
# demo's scripted call has to succeed. Publishes nothing. `-- --no-check` leaves the clean Debian out (it needs root).
set -euo pipefail
cd "$(dirname "$0")/../.."
node scripts/setup.mjs --for release
bash scripts/release/build-addon.sh
node scripts/release/pack.mjs
[ "${1:-}" = --no-check ] || bash scripts/release/check-install.sh
