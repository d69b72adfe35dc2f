#!/usr/bin/env bash
# Builds the addon into build/Release/troupe.node with cmake-js, from the system's libraries. Fetches nothing.
# Arguments are handed to cmake-js.
set -euo pipefail
cd "$(dirname "$0")/.."

# A CMake cache that was made in another place (a moved or copied checkout) cannot be used.
cache=build/addon/CMakeCache.txt
if [ -f "$cache" ] && ! grep -qx "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then rm -rf build/addon; fi

# `build`, not `compile`: that one answers an error in the sources with a second build from nothing.
node_modules/.bin/cmake-js build \
  --out build/addon \
  --config RelWithDebInfo \
  --parallel "$(nproc)" \
  --CDTROUPE_ADDON_OUTPUT="$PWD/build/Release" \
  "$@"
test -f build/Release/troupe.node
