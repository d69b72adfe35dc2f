#!/usr/bin/env bash
# Fetches the Debian source packages of sources.txt into FOLDER and unpacks each to FOLDER/<package>.
#
#   scripts/release/fetch-sources.sh FOLDER
#
# They come from the mirrors that this Debian machine installs its packages from; nothing in /etc/apt is changed.
# Each upstream archive is held against its SHA-256. Debian's patches are applied where the mirror has them whole;
# where it has not, that is said, and the upstream archive is unpacked as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mkdir -p "$1" && cd "$1" && pwd)

apt_folder=$folder/.apt
mkdir -p "$apt_folder/parts" "$apt_folder/lists/partial" "$apt_folder/cache"
options=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$apt_folder/parts"
  -o "Dir::State::Lists=$apt_folder/lists" -o "Dir::Cache=$apt_folder/cache" -o APT::Sandbox::User=root)

# The machine's own sources, asked for their source packages instead.
for file in /etc/apt/sources.list.d/debian.sources; do
  [ -f "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt_folder/parts/$(basename "$file")"
done
if [ -f /etc/apt/sources.list ]; then
  sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt_folder/parts/machine.list"
fi

updated=
while read -r package version digest; do
  stamp=$folder/$package/.unpacked
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$version $digest" ] && continue
  if [ -z "$updated" ]; then
    apt-get "${options[@]}" update -qq
    updated=yes
  fi
  rm -rf "${folder:?}/$package" "${folder:?}/.download"
  mkdir "$folder/.download"
  (cd "$folder/.download" &&
    apt-get "${options[@]}" -qq source --only-source --download-only "$package=$version" >apt.log 2>&1) || true
  archive=$(find "$folder/.download" -name '*.orig.tar.*' ! -name '*.asc' -print -quit)
  if [ -z "$archive" ]; then
    echo "fetch-sources: no mirror of this machine serves $package $version; see scripts/release/sources.txt" >&2
    exit 1
  fi
  echo "$digest  $archive" | sha256sum --check --quiet
  if ! (cd "$folder/.download" && dpkg-source --no-check -x ./*.dsc "$folder/$package" >/dev/null 2>&1); then
    echo "fetch-sources: $package $version without Debian's patches, which the mirror does not serve" >&2
    rm -rf "${folder:?}/$package"
    mkdir "$folder/$package"
    tar -xf "$archive" -C "$folder/$package" --strip-components=1
  fi
  echo "$version $digest" >"$stamp"
done < <(grep -v '^#' "$here/sources.txt")
rm -rf "$folder/.download"
