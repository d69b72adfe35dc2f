#!/usr/bin/env bash
# Builds the addon for macOS, on a Mac of the processor that it is for; pack.mjs packs the result. No Mac has run this yet:
# docs/releasing.md says what of it was checked.
#
#   scripts/release/build-macos.sh
#
# Needs Xcode's command line tools, Homebrew, and `npm ci` in the clone. The libraries are Homebrew's: OpenSSL's archives are
# linked in and its symbols stay inside; of the others, which Homebrew has as shared libraries, copies go to lib/ beside the
# addon, so that each can be replaced. The result, build/release/darwin-<arm64|x64>/, runs on the macOS it was built on and
# newer.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(uname -s)" != Darwin ]; then
  echo "build-macos: this is no Mac" >&2
  exit 2
fi
formulae="openssl@3 glib libnice srtp libusrsctp opus speexdsp libsoxr libebur128 libogg webrtc-audio-processing"
# shellcheck disable=SC2086
brew install --quiet cmake pkgconf dylibbundler $formulae

folder=build/release/darwin-$(node_modules/.bin/node -p process.arch)
rm -rf "$folder"
cmake -S . -B "$folder/addon" -DCMAKE_BUILD_TYPE=Release -DTROUPE_ADDON=ON -DTROUPE_ADDON_OUTPUT="$PWD/$folder" \
  -DCMAKE_PREFIX_PATH="$(brew --prefix openssl@3);$(brew --prefix)" >/dev/null
cmake --build "$folder/addon" --target troupe --parallel "${TROUPE_JOBS:-$(sysctl -n hw.ncpu)}"
strip -x "$folder/troupe.node"
dylibbundler --bundle-deps --create-dir --fix-file "$folder/troupe.node" --dest-dir "$folder/lib" \
  --install-path @loader_path/lib/
for file in "$folder/troupe.node" "$folder"/lib/*.dylib; do codesign --force --sign - "$file"; done

# Whatever libraries came along, each with the licence that its formula installs.
mkdir -p "$folder/licences"
for library in "$folder"/lib/*.dylib "$(brew --prefix openssl@3)/lib/libssl.a"; do
  found=$(find -L "$(brew --prefix)/opt" -maxdepth 3 -path "*/lib/$(basename "$library")" -print -quit)
  formula=$(dirname "$(dirname "$found")")
  for text in "$formula"/COPYING* "$formula"/LICEN[CS]E*; do
    if [ -f "$text" ]; then cp "$text" "$folder/licences/$(basename "$formula")-$(basename "$text")"; fi
  done
done

foreign=$(otool -L "$folder/troupe.node" "$folder"/lib/*.dylib | sed -n 's/^\t\([^ ]*\).*/\1/p' |
  grep -vE '^(/usr/lib/|/System/Library/Frameworks/|@loader_path/|@rpath/troupe\.node)' | sort -u || true)
if [ -n "$foreign" ]; then
  echo "build-macos: the addon needs what users may not have: $foreign" >&2
  exit 1
fi
exported=$(nm -gU "$folder/troupe.node" | awk '{ print $3 }' |
  grep -vxE '_napi_register_module_v1|_node_api_module_get_api_version_v1' || true)
if [ -n "$exported" ]; then
  echo "build-macos: the addon shows symbols that should stay inside: $exported" >&2
  exit 1
fi
node_modules/.bin/node -e 'require(process.argv[1])' "$PWD/$folder/troupe.node"
echo "build-macos: $folder/troupe.node, $(wc -c <"$folder/troupe.node") bytes, and $(ls "$folder/lib" | wc -l) libraries"
