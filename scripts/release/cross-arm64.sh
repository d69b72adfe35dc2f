#!/usr/bin/env bash
# Builds the addon for Linux on arm64 on an x64 Debian 12, and tries it out under an emulator of that processor.
#
#   sudo scripts/release/cross-arm64.sh
#
# Compiler, arm64 libraries and emulator are those of a Debian in a folder (build/release/cross-root, filled once by
# mmdebstrap), so nothing foreign is installed on the machine itself. The result is build/release/linux-arm64/troupe.node,
# which pack.mjs packs beside the machine's own.
set -euo pipefail
. "$(dirname "$0")/debian-root.sh"
own_mounts "$@"
cd "$(dirname "$0")/../.."
cross=aarch64-linux-gnu
root=$PWD/build/release/cross-root

if [ ! -f "$root/.filled" ]; then
  packages=crossbuild-essential-arm64,cmake,meson,ninja-build,pkg-config,libglib2.0-dev-bin,qemu-user-static
  packages+=,libssl-dev:arm64,libffi-dev:arm64,libpcre2-dev:arm64,libwebrtc-audio-processing-dev:arm64
  packages+=,ca-certificates,flite,pocketsphinx,pocketsphinx-en-us
  fill_root "$root" bookworm "$packages" --architectures=amd64,arm64
  # Debian 12 has no pkg-config for another processor.
  printf '#!/bin/sh\nPKG_CONFIG_LIBDIR=/usr/lib/%s/pkgconfig:/usr/share/pkgconfig exec pkg-config "$@"\n' $cross \
    >"$root/usr/local/bin/$cross-pkg-config"
  chmod +x "$root/usr/local/bin/$cross-pkg-config"
  touch "$root/.filled"
fi

mkdir -p "$root/troupe"
mount --bind "$PWD" "$root/troupe"
mount_system "$root"

scripts/release/fetch-sources.sh build/release/sources
inside "$root" "cd /troupe && bash scripts/release/build-addon.sh linux-arm64" ${TROUPE_JOBS:+"TROUPE_JOBS=$TROUPE_JOBS"}
node_modules/.bin/node scripts/release/pack.mjs

version=$(node_modules/node/bin/node --version)
node=$(node_for linux-arm64 "${version#v}")
# npm takes the packages for the other processor only by force, since they are named outright.
prepare_app "$root/app" linux-arm64
(cd "$root/app" &&
  npm install --force --no-audit --no-fund --loglevel=error --os=linux --cpu=arm64 ./troupe-*.tgz)
inside "$root" "cd /app && qemu-aarch64-static /troupe/$node node_modules/troupe/bin/troupe.js doctor"
