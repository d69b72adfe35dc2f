#!/usr/bin/env bash
# Prints the path of a Python interpreter that has Sora's SDK and what else is named; makes its environment if need be.
# Arguments: more packages of PyPI, as pip takes them. PYTHON names the interpreter to start from.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "$1" >&2
  exit 1
}

python=${PYTHON:-python3}
minor=$("$python" -c 'import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)') || fail "no $python"
if [ "$minor" -ge 12 ]; then version=2025.5.2; elif [ "$minor" -eq 11 ]; then version=2025.4.0; else
  fail "Sora's SDK needs Python 3.11 or newer; name one with PYTHON=..."
fi

venv=test/interop/sora/.venv
base="$venv/sora_sdk-$version-on-3.$minor"
if [ ! -f "$base" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2 || fail "no venv for $python; run: npm run setup -- --for ci"
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    "sora_sdk==$version" numpy >&2 || fail "pip could not install sora_sdk $version"
  touch "$base"
fi
for package in "$@"; do
  stamp="$venv/${package//[^a-zA-Z0-9.=_-]/_}"
  [ -f "$stamp" ] && continue
  timeout 400 "$venv/bin/pip" install --quiet --disable-pip-version-check "$package" >&2 ||
    fail "pip could not install $package"
  touch "$stamp"
done
echo "$PWD/$venv/bin/python"
