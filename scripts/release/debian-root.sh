# What check-install.sh and cross-arm64.sh share: a Debian in a folder, and the packages installed in it. To be sourced, in
# the root of the clone.

# Starts the script anew in a mount namespace of its own: its mounts end with it, whatever ends it.
own_mounts() {
  [ -n "${TROUPE_OWN_MOUNTS:-}" ] || TROUPE_OWN_MOUNTS=yes exec unshare --mount bash "$0" "$@"
}

# fill_root ROOT SUITE PACKAGES [OPTION...]: a Debian of that suite with those packages, from this machine's mirrors.
fill_root() {
  local root=$1 suite=$2 packages=$3 own
  shift 3
  own=$(. /etc/os-release && echo "$VERSION_CODENAME")
  rm -rf --one-file-system "$root"
  # The machine's own sources are written for its own suite; those of another one have neither updates nor security.
  if [ "$suite" = "$own" ]; then
    mmdebstrap --quiet --variant=apt --include="$packages" "$@" "$suite" "$root" /etc/apt/sources.list.d/debian.sources
  else
    mmdebstrap --quiet --variant=apt --include="$packages" "$@" "$suite" "$root" \
      "$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources | head -1)"
  fi
}

# mount_system ROOT: what programs expect of a running system.
mount_system() {
  mount --bind /proc "$1/proc"
  mount --bind /dev "$1/dev"
}

# inside ROOT COMMAND [VARIABLE=VALUE...]: runs it there, without this machine's environment.
inside() {
  local root=$1 command=$2
  shift 2
  env --ignore-environment PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@" \
    chroot "$root" sh -ec "$command"
}

# node_for PLATFORM VERSION: unpacks that Node, which npm has as a package, and names its program (a path in the clone).
node_for() {
  local folder=build/release/node-$1-$2
  if [ ! -x "$folder/package/bin/node" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    npm pack --silent --pack-destination "$folder" "node-$1@$2" >/dev/null
    tar -xzf "$folder"/*.tgz -C "$folder"
  fi
  echo "$folder/package/bin/node"
}

# prepare_app FOLDER PLATFORM: a project that is to install what pack.mjs made for that platform.
prepare_app() {
  rm -rf "$1"
  mkdir -p "$1"
  cp build/release/packages/troupe-[0-9]*.tgz "build/release/packages/troupe-$2"-*.tgz "$1"
  echo "onnxruntime-node-install=skip" >"$1/.npmrc"
  echo '{ "name": "app", "version": "1.0.0" }' >"$1/package.json"
}
