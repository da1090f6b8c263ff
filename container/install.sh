#!/usr/bin/env bash
# bash container/install.sh PREFIX: an environment of its own in PREFIX, with the versions that were tested together.
# TORCH_INDEX: where torch comes from (its CPU or CUDA build); empty: from where everything else does. EXTRAS: "page,drive".
# That index is a further one: it lacks most versions of what torch needs, and its build (+cpu) goes before the plain one.
set -euo pipefail
prefix=$1
cd "$(dirname "$0")/.."
python3 -m venv "$prefix"
pip=("$prefix/bin/python" -m pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt)
if [ -n "${TORCH_INDEX:-}" ]; then
    "${pip[@]}" --extra-index-url "$TORCH_INDEX" torch torchvision
fi
"${pip[@]}" ".${EXTRAS:+[$EXTRAS]}"
