#!/usr/bin/env bash
# Installs what pack.mjs made as a user would, on a Debian 12 that has neither compiler, cmake nor -dev packages, and lets
# the demo's scripted call run there.
#
#   sudo scripts/release/check-install.sh
#
# The Debian is a folder that mmdebstrap fills (build/release/clean-root); the network namespace is this machine's.
set -euo pipefail
# Mounts of a namespace of its own end with it, whatever ends it.
[ "${1:-}" = --in-namespace ] || exec unshare --mount bash "$0" --in-namespace
cd "$(dirname "$0")/../.."
packages=build/release/packages
clean=$PWD/build/release/clean-root

ls $packages/*.tgz >/dev/null
rm -rf --one-file-system "$clean"
mmdebstrap --quiet --variant=apt --include=ca-certificates,flite,pocketsphinx,pocketsphinx-en-us \
  bookworm "$clean" /etc/apt/sources.list.d/debian.sources
for forbidden in gcc g++ cc cmake make pkg-config python3; do
  if chroot "$clean" sh -c "command -v $forbidden" >/dev/null; then
    echo "check-install: the clean Debian has $forbidden" >&2
    exit 1
  fi
done

# Node as the project brings it, and the machine's npm with its settings for the registry.
cp node_modules/node/bin/node "$clean/usr/local/bin/node"
cp -a "$(npm root --global)/npm" "$clean/usr/local/lib/npm"
ln -s ../lib/npm/bin/npm-cli.js "$clean/usr/local/bin/npm"
registry=$(npm config get registry)
cp /etc/ssl/certs/ca-certificates.crt "$clean/etc/ssl/certs/"
mkdir -p "$clean/app"
cp $packages/troupe-[0-9]*.tgz "$packages/troupe-$(node_modules/.bin/node -p '`${process.platform}-${process.arch}`')"-*.tgz "$clean/app/"

mount --bind /proc "$clean/proc"
mount --bind /dev "$clean/dev"
chroot "$clean" env HOME=/root npm_config_registry="$registry" sh -ec '
  cd /app
  echo "onnxruntime-node-install=skip" > .npmrc
  npm init --yes >/dev/null
  timeout 300 npm install --no-audit --no-fund --loglevel=error ./troupe-*.tgz
  node_modules/.bin/troupe doctor || true
  exec node_modules/.bin/troupe demo --once
'
