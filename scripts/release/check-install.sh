#!/usr/bin/env bash
# Installs what pack.mjs made as a user would, on a Debian that has neither compiler, cmake nor -dev packages, and lets the
# demo's scripted call run there: on the Node that the project brings, and on the oldest that it supports.
#
#   sudo scripts/release/check-install.sh [bookworm|trixie]     Debian 12 when left out; 13 has a newer glibc
#
# The Debian is a folder that mmdebstrap fills (build/release/clean-root); the network namespace is this machine's.
set -euo pipefail
. "$(dirname "$0")/debian-root.sh"
own_mounts "$@"
cd "$(dirname "$0")/../.."
clean=$PWD/build/release/clean-root
platform=$(node_modules/.bin/node -p '`${process.platform}-${process.arch}`')

ls build/release/packages/*.tgz >/dev/null
fill_root "$clean" "${1:-bookworm}" ca-certificates,flite,pocketsphinx,pocketsphinx-en-us
for forbidden in gcc g++ cc cmake make pkg-config python3; do
  if chroot "$clean" sh -c "command -v $forbidden" >/dev/null; then
    echo "check-install: the clean Debian has $forbidden" >&2
    exit 1
  fi
done

# Node as the project brings it, and the machine's npm with its settings for the registry.
cp node_modules/node/bin/node "$clean/usr/local/bin/node"
cp "$(node_for "$platform" 22)" "$clean/usr/local/bin/node22"
cp -a "$(npm root --global)/npm" "$clean/usr/local/lib/npm"
ln -s ../lib/npm/bin/npm-cli.js "$clean/usr/local/bin/npm"
cp /etc/ssl/certs/ca-certificates.crt "$clean/etc/ssl/certs/"
prepare_app "$clean/app" "$platform"

mount_system "$clean"
inside "$clean" '
  cd /app
  timeout 300 npm install --no-audit --no-fund --loglevel=error ./troupe-*.tgz
  for node in node node22; do
    echo "check-install: Node $($node --version), $(ldd --version | head -1)"
    $node node_modules/troupe/bin/troupe.js doctor || true
    $node node_modules/troupe/bin/troupe.js demo --once
  done
' npm_config_registry="$(npm config get registry)" NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
