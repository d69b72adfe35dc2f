#!/usr/bin/env bash
# Sora's official Python and JavaScript SDKs against the stage, the client and the bot.
# Needs chromium, flite, pocketsphinx and Python 3.11 or newer with venv; fetches the Python SDK by itself.
# Arguments: the parts to run (python, checklist, transform, video, browser, bot); all of them when left out.
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

SORA_PYTHON=$(bash scripts/sora-python.sh) || fail "there is no Python with the SDK; what is above says why"
export SORA_PYTHON
node=node_modules/.bin/node
[ -x "$node" ] || node=node
exec timeout --kill-after=10 600 "$node" --conditions=troupe-source test/interop/sora/run.ts "$@"
