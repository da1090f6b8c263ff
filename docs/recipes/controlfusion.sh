#!/usr/bin/env bash
# ControlFusion (Tang et al., NeurIPS 2025): restores and fuses by language and vision prompts; colour.
# code: github.com/Linfeng-Tang/ControlFusion; weights: Baidu, linked in its README, into pretrained_weights/
# method: ControlFusion=folder:RESULTS/{factor}/{severity}/{modality}
# From the README: test.py fuses pairs of images.
# Not verified: how it is called. SCRIPT, IR_FOLDER, VIS_FOLDER and MADE name what the checkout has, OPTIONS its options.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" "${IR_FOLDER:-dataset/test/Infrared}"
    put "$2" "${VIS_FOLDER:-dataset/test/Visible}"
    own "${MADE:-results}"
    # shellcheck disable=SC2086 # OPTIONS are several words
    "$python" "${SCRIPT:-test.py}" ${OPTIONS:-}
    made=${MADE:-results}
}

each_condition
