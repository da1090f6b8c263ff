#!/usr/bin/env bash
# What the recipes share; each of them sources this file. A recipe is called as
#
#     bash docs/recipes/NAME.sh DEGRADED RESULTS CODE
#
# DEGRADED: what `degrade --out DEGRADED` wrote. RESULTS: where fused images go, as {factor}/{severity}/{modality}.
# CODE: the authors' checkout, with its weights; nothing is written into it. PYTHON names the Python of its environment.
# A condition whose images are all there is skipped, so that the same command goes on where it was stopped.
set -euo pipefail
if [ $# -ne 3 ] || [ ! -d "$1" ] || [ ! -d "$3" ]; then
    echo "usage: bash $0 DEGRADED RESULTS CODE (folders; CODE is the authors' checkout with its weights)" >&2
    exit 2
fi
mkdir -p "$2"
degraded=$(realpath "$1") results=$(realpath "$2") code=$(realpath "$3") python=${PYTHON:-python}

# each_condition: for every folder of DEGRADED, call `fuse IR VIS` of the recipe in a working copy of CODE made of links.
# It has to leave the fused images below the folder that it names in `made`.
each_condition() {
    local folder condition out work
    for folder in "$degraded"/*/*/*/; do
        folder=${folder%/} condition=${folder#"$degraded"/} out=$results/${folder#"$degraded"/}
        mkdir -p "$out"
        [ "$(count "$out")" -eq "$(count "$folder/ir")" ] && continue
        echo "$condition, pairs: $(count "$folder/ir")"
        work=$(mktemp -d)
        ln -s "$code"/* "$work"
        (cd "$work" && made=. && fuse "$folder/ir" "$folder/vis" && collect "$folder/ir" "$made" "$out") || { rm -rf "$work" && exit 1; }
        rm -rf "$work"
    done
}

count() { find -L "$1" -maxdepth 1 -name '*.png' | wc -l; }

# own PATH: an empty folder at PATH of the working copy; what lies beside it stays the authors'.
own() {
    local part path=. target
    for part in ${1//\// }; do
        path=$path/$part
        if [ -L "$path" ]; then
            target=$(realpath "$path")
            rm "$path" && mkdir "$path"
            find "$target" -maxdepth 1 -mindepth 1 -exec ln -s -t "$path" {} +
        fi
        mkdir -p "$path"
    done
    rm -rf "$path" && mkdir "$path"
}

# put FROM TO: the images of a folder as links in a folder of the working copy.
put() { own "$2" && find "$1" -name '*.png' -exec ln -s -t "$2" {} +; }

# put_luma FROM TO: the same as grey images (BT.601), for scripts that fuse luma.
put_luma() {
    own "$2"
    "$python" -c '
import pathlib, sys
from PIL import Image
for path in pathlib.Path(sys.argv[1]).glob("*.png"):
    Image.open(path).convert("L").save(pathlib.Path(sys.argv[2], path.name))' "$1" "$2"
}

# collect INPUTS MADE OUT: the one result of each input below MADE, as PNG under the name of the input.
collect() {
    "$python" -c '
import pathlib, shutil, sys
inputs, made, out = map(pathlib.Path, sys.argv[1:])
found = {}
for path in sorted(made.rglob("*")):
    if path.suffix.lower() in (".png", ".jpg", ".bmp"):
        found.setdefault(path.stem, []).append(path)
for path in sorted(inputs.glob("*.png")):
    results = found.get(path.stem, [])
    if len(results) != 1:
        told = ", ".join(map(str, results)) or "none"
        sys.exit(f"expected one result for {path.stem} below {made}, found: {told}; see where the script writes")
    if results[0].suffix.lower() == ".png":
        shutil.copy(results[0], out / path.name)
    else:
        from PIL import Image
        Image.open(results[0]).save(out / path.name)' "$1" "$2" "$3"
}
