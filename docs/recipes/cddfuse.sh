#!/usr/bin/env bash
# CDDFuse (Zhao et al., CVPR 2023): luma.
# code: github.com/Zhaozixiang1228/MMIF-CDDFuse; weights: in the repository, models/CDDFuse_IVF.pth
# method: CDDFuse=folder:RESULTS/{factor}/{severity}/{modality}?luma=1
# From the README: the script takes no options, reads the sets below test_img/TNO and test_img/RoadScene, prints metrics.
# Not verified: the folders ir and vi of a set, and test_result, where the results go.
# The script stretches each result to 0…255 before it saves it, which raises EN, SD and AG of this method alone.
source "$(dirname "$0")/conditions.sh"

fuse() {
    local part
    for part in TNO RoadScene; do # it fuses both sets, so both are ours
        put "$1" "test_img/$part/ir"
        put "$2" "test_img/$part/vi"
    done
    own test_result
    "$python" test_IVF.py
    made=test_result/TNO
}

each_condition
