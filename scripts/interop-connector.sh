#!/usr/bin/env bash
# Vonage's official server SDK and ours, called by the stage's caller of the Audio Connector.
# Needs Python 3.9 or newer with venv; fetches the SDK by itself. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "FAIL set-up: $1"
  echo "0 passed, 1 failed"
  exit 1
}

version=0.1.1
python=${PYTHON:-python3}
venv=test/interop/connector/.venv
stamp="$venv/vonage-$version"
if [ ! -f "$stamp" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "no venv for $python; run: npm run setup -- --for ci"
  # Of what it asks for, pytest and a placeholder named asyncio are not needed to run it.
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    "pydantic~=2.11.7" "websockets~=15.0" || fail "pip could not install what the SDK needs"
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: --no-deps \
    "vonage-audio-connector-server==$version" || fail "pip could not install the SDK $version"
  touch "$stamp"
fi

export CONNECTOR_PYTHON="$PWD/$venv/bin/python"
node=node_modules/.bin/node
[ -x "$node" ] || node=node
exec timeout --kill-after=10 400 "$node" --conditions=troupe-source test/interop/connector/run.ts "$@"
