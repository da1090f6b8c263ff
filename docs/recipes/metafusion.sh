#!/usr/bin/env bash
# MetaFusion (Zhao et al., CVPR 2023): fusion taught by a detector's features.
# code and weights: github.com/wdzhao123/MetaFusion, whose README says nothing of how it is called.
# method: MetaFusion=folder:RESULTS/{factor}/{severity}/{modality}
# Not verified: all of the below. SCRIPT, IR_FOLDER, VIS_FOLDER and MADE name what the checkout has.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" "${IR_FOLDER:-test_img/ir}"
    put "$2" "${VIS_FOLDER:-test_img/vis}"
    own "${MADE:-results}"
    "$python" "${SCRIPT:-test.py}"
    made=${MADE:-results}
}

each_condition
