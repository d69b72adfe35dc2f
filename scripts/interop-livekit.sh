#!/usr/bin/env bash
# LiveKit's official Python, Node and JavaScript SDKs with our client, on a real livekit-server.
# Needs Go (for the server, built once), chromium and Python with venv; fetches the Python SDK by itself.
# Arguments: the parts to run (endings, network, scenarios, outage, python, node, browser, worker, demo); all of them
# when left out. One more, old, joins a server from before the single peer connection, which takes minutes to build.
# PYTHON names the interpreter, CHROMIUM the browser.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "FAIL set-up: $1"
  echo "0 passed, 1 failed"
  exit 1
}

[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || fail "chromium is missing; run: npm run setup -- --for ci"
bash scripts/livekit-server.sh --fetch-only || fail "livekit-server could not be built"

version=1.2.0
python=${PYTHON:-python3}
venv=test/interop/livekit/.venv
stamp="$venv/livekit-$version"
if [ ! -f "$stamp" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "no venv for $python; run: npm run setup -- --for ci"
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    "livekit==$version" numpy || fail "pip could not install livekit $version"
  touch "$stamp"
fi

export LIVEKIT_PYTHON="$PWD/$venv/bin/python"
node=node_modules/.bin/node
[ -x "$node" ] || node=node
exec timeout --kill-after=10 600 "$node" --conditions=troupe-source test/interop/livekit/run.ts "$@"
