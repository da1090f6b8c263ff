#!/usr/bin/env bash
# bash container/smoke.sh OUT: one scene of the demo, with detection and a network, and what it has to leave behind.
set -euo pipefail
out=$1
tsdm-bench list methods >/dev/null
tsdm-bench --limit 1 --methods ir,vis,average,tsdm_lite --factors noise_gray --severities 0,3 --device cpu --out "$out"
for file in index.html run.json tables/detection.csv tables/robustness.csv; do
    [ -s "$out/demo/latest/$file" ] || { echo "the demo left no $file in $out" >&2; exit 1; }
done
echo "smoke test passed"
