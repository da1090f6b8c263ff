#!/usr/bin/env bash
# SegMiF (Liu et al., ICCV 2023): fusion and segmentation that teach each other.
# code: github.com/JinyuanLiu-CV/SegMiF; weights: Google Drive, linked in its README
# method: SegMiF=folder:RESULTS/{factor}/{severity}/{modality}
# Not verified: all of the below; the README has the checkpoint and the environment, not the call. SCRIPT, IR_FOLDER,
# VIS_FOLDER and MADE name what the checkout has.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" "${IR_FOLDER:-datasets/test/Infrared}"
    put "$2" "${VIS_FOLDER:-datasets/test/Visible}"
    own "${MADE:-results}"
    "$python" "${SCRIPT:-test.py}"
    made=${MADE:-results}
}

each_condition
