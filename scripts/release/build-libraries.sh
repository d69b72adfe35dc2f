#!/usr/bin/env bash
# Builds the libraries of the released addon as static archives of position-independent code.
#
#   scripts/release/build-libraries.sh SOURCES PREFIX [CROSS_PREFIX]
#
# SOURCES is what fetch-sources.sh filled; headers, archives and pkg-config files go to PREFIX. CROSS_PREFIX names a
# cross compiler (aarch64-linux-gnu). OpenSSL, libffi, PCRE2 and webrtc-audio-processing come from Debian's -dev packages,
# whose archives can go into a shared object as they are.
set -euo pipefail
patches=$(cd "$(dirname "$0")/patches" && pwd)
sources=$(cd "$1" && pwd)
own=$(dirname "$sources")/own
prefix=$(mkdir -p "$2" && cd "$2" && pwd)
cross=${3:-}
work=$prefix/work
mkdir -p "$work" "$prefix/lib/pkgconfig"

export CFLAGS="-O3 -fPIC -fvisibility=hidden -fno-omit-frame-pointer" CXXFLAGS="-O3 -fPIC -fvisibility=hidden"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
jobs=${TROUPE_JOBS:-$(nproc)}
configure_host=()
cmake_host=(-DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib
  -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON)
meson_host=(--prefix "$prefix" --libdir lib --buildtype release --default-library static --wrap-mode nodownload)
if [ -n "$cross" ]; then
  export CC=$cross-gcc CXX=$cross-g++ AR=$cross-ar RANLIB=$cross-ranlib PKG_CONFIG=$cross-pkg-config
  configure_host=(--host "$cross")
  cmake_host+=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${cross%%-*}" -DCMAKE_C_COMPILER="$CC"
    -DCMAKE_CXX_COMPILER="$CXX")
  cat >"$work/cross.ini" <<INI
[binaries]
c = '$cross-gcc'
cpp = '$cross-g++'
ar = '$cross-ar'
strip = '$cross-strip'
pkgconfig = '$cross-pkg-config'
[host_machine]
system = 'linux'
cpu_family = '${cross%%-*}'
cpu = '${cross%%-*}'
endian = 'little'
INI
  meson_host+=(--cross-file "$work/cross.ini")
fi

# Runs the named function in a copy of the package's sources, with our patch where there is one; once. Sources of the user's
# own, which NOTICE speaks of, are taken as they are, each time.
build() {
  local package=$1 recipe=$2
  local stamp=$work/$package.built patch=$patches/$package.patch from=$sources/$package state
  if [ -d "$own/$package" ]; then
    from=$own/$package patch=/dev/null state=own
  else
    [ -f "$patch" ] || patch=/dev/null
    state=$(cat "$from/.unpacked" "$patch")
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && return
  fi
  echo "build-libraries: $from"
  rm -rf "${work:?}/$package"
  cp -a "$from" "$work/$package"
  if ! (cd "$work/$package" && patch --strip=1 --forward <"$patch" && "$recipe") >"$work/$package.log" 2>&1; then
    tail -40 "$work/$package.log" >&2
    echo "build-libraries: $package failed; the log is $work/$package.log" >&2
    exit 1
  fi
  echo "$state" >"$stamp"
}

with_configure() { ./configure "${configure_host[@]}" --prefix "$prefix" --disable-shared --enable-static "$@" && make -j"$jobs" && make install; }
with_cmake() { cmake -S . -B built "${cmake_host[@]}" "$@" && cmake --build built --parallel "$jobs" && cmake --install built; }
with_meson() { meson setup built "${meson_host[@]}" "$@" && meson compile -C built -j "$jobs" && meson install -C built; }

zlib() { CHOST=$cross ./configure --static --prefix "$prefix" && make -j"$jobs" libz.a && make install; }
ogg() { with_configure; }
opus() { with_configure --disable-doc --disable-extra-programs; }
speexdsp() { with_configure --disable-examples; }
soxr() { with_cmake -DBUILD_TESTS=OFF -DBUILD_EXAMPLES=OFF -DWITH_OPENMP=OFF -DWITH_LSR_BINDINGS=OFF; }
ebur128() { with_cmake -DENABLE_INTERNAL_QUEUE_H=ON; }
usrsctp() { with_cmake -Dsctp_build_programs=OFF -Dsctp_werror=OFF; }
# AES-GCM and AES-CM by OpenSSL, whose code for the processor at hand is the fastest of the three that srtp knows.
srtp() {
  ./configure "${configure_host[@]}" --prefix "$prefix" --enable-openssl --disable-pcap &&
    make -j"$jobs" libsrtp2.a && make install
}
glib() {
  with_meson -Dlibmount=disabled -Dselinux=disabled -Dnls=disabled -Dxattr=false -Dlibelf=disabled -Dtests=false \
    -Dman=false -Dgtk_doc=false -Dglib_debug=disabled -Dinstalled_tests=false
}
nice() {
  with_meson -Dgupnp=disabled -Dcrypto-library=openssl -Dgstreamer=disabled -Dtests=disabled -Dexamples=disabled \
    -Dgtk_doc=disabled -Dintrospection=disabled
}

build zlib zlib
build libogg ogg
build opus opus
build speexdsp speexdsp
build libsoxr soxr
build libebur128 ebur128
build libusrsctp usrsctp
build libsrtp2 srtp
build glib2.0 glib
build libnice nice
