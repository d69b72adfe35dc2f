#!/usr/bin/env bash
# Compiles every source of the addon for macOS, on Linux, and runs nothing: what the C++ code takes of the system is there.
#
#   scripts/release/check-macos.sh [aarch64|x86_64]
#
# Compiler, libc++ and the C headers of macOS are those of the Zig compiler (a package of PyPI); the headers of GLib, libnice
# and the others are this machine's, from `node scripts/setup.mjs`.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-aarch64}-macos
folder=$PWD/build/release/check-$target
zig=$PWD/build/release/zig

[ -x "$zig/bin/python" ] || python3 -m venv "$zig"
"$zig/bin/pip" install --quiet ziglang==0.17.1

# The libraries' headers, apart from those of this machine's own libc beside which they lie.
rm -rf "$folder"
mkdir -p "$folder/include/openssl"
for name in nice stun opus speex ogg srtp2 usrsctp.h soxr.h ebur128.h; do ln -s "/usr/include/$name" "$folder/include/"; done
ln -s /usr/include/openssl/* "/usr/include/$(gcc -print-multiarch)"/openssl/* "$folder/include/openssl/"
libraries=$(pkg-config --cflags-only-I gio-2.0 webrtc-audio-processing | tr ' ' '\n' | sed 's/^-I/-isystem/' |
  grep -vx -e -isystem/usr/include || true)

compile() {
  # shellcheck disable=SC2086
  "$zig/bin/python" -m ziglang c++ -target "$target" -std=c++20 -Wall -Wextra -Werror -c -o "$folder/$(basename "$1" .cpp).o" \
    -Isrc/native -isystem node_modules/node-api-headers/include -isystem node_modules/node-addon-api \
    -isystem "$folder/include" $libraries -DWEBRTC_POSIX -DNAPI_VERSION=9 -DNODE_ADDON_API_DISABLE_DEPRECATED \
    -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS -DTROUPE_WITH_TRANSPORT=1 "$1"
}
export -f compile
export zig folder target libraries
find src/native -name '*.cpp' ! -name '*Test.cpp' ! -name '*Fuzz.cpp' ! -name '*Linux.cpp' -print0 |
  xargs -0 -n 1 -P "${TROUPE_JOBS:-$(nproc)}" bash -c 'compile "$1"' compile
echo "check-macos: $(find "$folder" -name '*.o' | wc -l) sources compiled for $target"
