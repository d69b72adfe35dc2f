#!/usr/bin/env bash
# Builds the addon that is shipped: one file that needs nothing of the system but libc and libstdc++.
#
#   scripts/release/build-addon.sh [linux-x64|linux-arm64]     this machine's own platform when left out
#
# The result is build/release/<platform>/troupe.node. Needs the packages of `node scripts/setup.mjs --for release`.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "$(uname -m)" in x86_64) own=linux-x64 ;; aarch64) own=linux-arm64 ;; *) own= ;; esac
platform=${1:-$own}
cross=
case "$platform" in
  "$own") ;;
  linux-arm64) cross=aarch64-linux-gnu ;;
  *) echo "build-addon: expected linux-x64 or linux-arm64, got ${platform:-$(uname -m)}" >&2; exit 2 ;;
esac

folder=build/release/$platform
scripts/release/fetch-sources.sh build/release/sources
scripts/release/build-libraries.sh build/release/sources "$folder/libraries" $cross

options=()
if [ -n "$cross" ]; then
  options=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${cross%%-*}" -DCMAKE_C_COMPILER="$cross-gcc"
    -DCMAKE_CXX_COMPILER="$cross-g++" -DPKG_CONFIG_EXECUTABLE="$(command -v "$cross-pkg-config")"
    -DCMAKE_LIBRARY_ARCHITECTURE="$cross")
fi
PKG_CONFIG_PATH="$PWD/$folder/libraries/lib/pkgconfig" cmake --fresh -S . -B "$folder/addon" -DCMAKE_BUILD_TYPE=Release \
  -DTROUPE_ADDON=ON -DTROUPE_STATIC_PREFIX="$PWD/$folder/libraries" -DTROUPE_ADDON_OUTPUT="$PWD/$folder" \
  "${options[@]}" >/dev/null
cmake --build "$folder/addon" --target troupe --parallel "${TROUPE_JOBS:-$(nproc)}"
"${cross:+$cross-}strip" --strip-unneeded "$folder/troupe.node"

needed=$("${cross:+$cross-}readelf" -d "$folder/troupe.node" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
foreign=$(grep -vE '^(libc|libm|libdl|libpthread|librt|libresolv|libgcc_s|libstdc\+\+|ld-linux-[a-z0-9-]+)\.so' <<<"$needed" || true)
if [ -n "$foreign" ]; then
  echo "build-addon: the addon needs what users may not have: $foreign" >&2
  exit 1
fi
# Of its symbols Node needs two. Instances of the C++ library's templates may show; OpenSSL's must not: Node has others.
shown=$("${cross:+$cross-}readelf" --dyn-syms --wide "$folder/troupe.node" | awk '$7 ~ /^[0-9]+$/ { print $8 }' |
  grep -vxE 'napi_register_module_v1|node_api_module_get_api_version_v1' | grep -vE '^_Z[A-Z]*(St|Sa|Ss|N9__gnu_cxx|NSt|NKSt)' || true)
if [ -n "$shown" ]; then
  echo "build-addon: the addon shows symbols that should stay inside: $(head -5 <<<"$shown" | tr '\n' ' ')" >&2
  exit 1
fi

# What it takes of the system, in the versions of Debian 12 at most.
newest() { "${cross:+$cross-}objdump" -T "$folder/troupe.node" | grep -o "$1_[0-9.]*" | sort -uV | tail -1 || true; }
for most in GLIBC_2.36 GLIBCXX_3.4.30 CXXABI_1.3.13; do
  taken=$(newest "${most%%_*}")
  if [ "$(printf '%s\n' "$taken" "$most" | sort -V | tail -1)" != "$most" ]; then
    echo "build-addon: the addon needs $taken, expected $most at most" >&2
    exit 1
  fi
done
echo "build-addon: $folder/troupe.node, $(stat -c %s "$folder/troupe.node") bytes, needs $(tr '\n' ' ' <<<"$needed")with" \
  "$(newest GLIBC) and $(newest GLIBCXX)"
