#!/usr/bin/env bash
# Builds and runs the C++ unit tests of engine and transport.
#
#   scripts/test-native.sh                      plain
#   scripts/test-native.sh address,undefined    with these sanitizers (thread is another useful one)
#
# Ends with 1 when a test fails or when none ran. TROUPE_JOBS: compile jobs (one a core when unset).
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizers=${1:-}
# Without sanitizers the addon's own build folder serves: its libraries are compiled already.
if [ -n "$sanitizers" ]; then
  folder=build/native-${sanitizers//,/-}
else
  folder=build/addon
  if [ ! -f $folder/CMakeCache.txt ]; then bash scripts/build-native.sh; fi
fi

cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTROUPE_TESTS=ON -DTROUPE_SANITIZE="$sanitizers" >/dev/null
cmake --build "$folder" --target engine_tests transport_tests --parallel "${TROUPE_JOBS:-$(nproc)}"

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$PWD/test/native/thread-suppressions.txt}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
(cd "$folder" && ctest --output-on-failure --no-tests=error --verbose) | tee "$report"

cases=$(sed -n 's/.*test cases: *\([0-9]*\).*/\1/p' "$report" | awk '{ sum += $1 } END { print sum + 0 }')
if [ "$cases" -eq 0 ]; then
  echo "test-native: no test case ran" >&2
  exit 1
fi
echo "test-native: $cases test cases passed${sanitizers:+ under $sanitizers}"
