#!/usr/bin/env bash
# Sora's official Python and JavaScript SDKs against the stage, the client and the bot.
# Needs chromium, flite, pocketsphinx and Python 3.11 or newer with venv; fetches the Python SDK by itself.
# Arguments: the parts to run (python, checklist, browser, bot); all of them when left out.
# PYTHON names the interpreter, CHROMIUM the browser.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "FAIL set-up: $1"
  echo "0 passed, 1 failed"
  exit 1
}

for tool in flite pocketsphinx_continuous; do
  command -v "$tool" >/dev/null || fail "$tool is missing; run: npm run setup -- --for ci"
done
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || fail "chromium is missing; run: npm run setup -- --for ci"

python=${PYTHON:-python3}
minor=$("$python" -c 'import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)') || fail "no $python"
if [ "$minor" -ge 12 ]; then version=2025.5.2; elif [ "$minor" -eq 11 ]; then version=2025.4.0; else
  fail "Sora's SDK needs Python 3.11 or newer; name one with PYTHON=..."
fi

venv=test/interop/sora/.venv
stamp="$venv/sora_sdk-$version-on-3.$minor"
if [ ! -f "$stamp" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "no venv for $python; run: npm run setup -- --for ci"
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    "sora_sdk==$version" numpy || fail "pip could not install sora_sdk $version"
  touch "$stamp"
fi

export SORA_PYTHON="$PWD/$venv/bin/python"
node=node_modules/.bin/node
[ -x "$node" ] || node=node
exec timeout --kill-after=10 600 "$node" --conditions=troupe-source test/interop/sora/run.ts "$@"
