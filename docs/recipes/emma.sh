#!/usr/bin/env bash
# EMMA (Zhao et al., CVPR 2024): luma.
# code: github.com/Zhaozixiang1228/MMIF-EMMA; weights: in the repository, model/EMMA.pth
# method: EMMA=folder:RESULTS/{factor}/{severity}/{modality}?luma=1
# From the README: the script takes no options, reads pairs below test_img and writes to test_result.
# Not verified: the folders below test_img; IR_FOLDER and VIS_FOLDER name others.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" "${IR_FOLDER:-test_img/ir}"
    put "$2" "${VIS_FOLDER:-test_img/vi}"
    own test_result
    "$python" test.py
    made=test_result
}

each_condition
