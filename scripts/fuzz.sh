#!/usr/bin/env bash
# Builds the C++ fuzz targets with clang and runs each for SECONDS (60 when left out), three a core at a time.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]
#
# Without targets all of them, which are src/native/**/*Fuzz.cpp.
# A target starts from the files in test/fuzz/corpus/<target>. Ends with 1 when a target crashes, hangs, leaks, or
# when there is none; the input that did it lies in build/fuzz/findings. TROUPE_JOBS: compile jobs (one a core when unset).
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
chosen=("${@:2}")
folder=build/fuzz
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTROUPE_FUZZ=ON \
  -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ >/dev/null
cmake --build "$folder" --target fuzz_targets --parallel "${TROUPE_JOBS:-$(nproc)}"

mapfile -t targets < <(find src/native -name '*Fuzz.cpp' -printf '%f\n' | sed 's/\.cpp$//' | sort)
if [ "${#targets[@]}" -eq 0 ]; then
  echo "fuzz: there is no fuzz target" >&2
  exit 1
fi
for target in "${chosen[@]}"; do
  if [[ " ${targets[*]} " != *" $target "* ]]; then
    echo "fuzz: no target $target; there are ${targets[*]}" >&2
    exit 1
  fi
done
[ "${#chosen[@]}" -eq 0 ] || targets=("${chosen[@]}")

fuzz_one() {
  local target=$1 log=$2/logs/$1.log
  local seeds=test/fuzz/corpus/$target
  mkdir -p "$2/logs" "$2/findings" "$2/corpus/$target"
  [ -d "$seeds" ] || seeds=
  if "$2/$target" -max_total_time="$3" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
    -artifact_prefix="$2/findings/$target-" "$2/corpus/$target" ${seeds:+"$seeds"} >"$log" 2>&1; then
    echo "fuzz: $target passed, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs in $3 s"
  else
    echo "fuzz: $target FAILED"
    tail -60 "$log"
    return 1
  fi
}
export -f fuzz_one

if printf '%s\n' "${targets[@]}" | xargs -P "$(($(nproc) * 3))" -I{} bash -c 'fuzz_one "$@"' fuzz {} "$folder" "$seconds"; then
  echo "fuzz: ${#targets[@]} targets passed"
else
  echo "fuzz: a target failed" >&2
  exit 1
fi
