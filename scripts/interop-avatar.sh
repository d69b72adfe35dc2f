#!/usr/bin/env bash
# The official Python avatar SDK and our sessions, each with the stage's avatar service; the face in a real livekit-server
# is heard by LiveKit's Python SDK.
# Needs Go (for livekit-server, built once) and Python with venv; fetches the SDKs by itself.
# Arguments: the parts to run (protocol, room); all of them when left out. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "FAIL set-up: $1"
  echo "0 passed, 1 failed"
  exit 1
}

bash scripts/livekit-server.sh --fetch-only || fail "livekit-server could not be built"

avatarkit=0.1.7
livekit=1.2.0
python=${PYTHON:-python3}
venv=test/interop/avatar/.venv
stamp="$venv/avatarkit-$avatarkit-livekit-$livekit"
if [ ! -f "$stamp" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "no venv for $python; run: npm run setup -- --for ci"
  # opuslib, with which the SDK encodes, comes as source alone.
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: --no-binary=opuslib \
    "avatarkit[opus]==$avatarkit" "livekit==$livekit" numpy || fail "pip could not install avatarkit $avatarkit"
  touch "$stamp"
fi

export AVATAR_PYTHON="$PWD/$venv/bin/python"
export LIVEKIT_PYTHON="$AVATAR_PYTHON"
node=node_modules/.bin/node
[ -x "$node" ] || node=node
exec timeout --kill-after=10 600 "$node" --conditions=troupe-source test/interop/avatar/run.ts "$@"
