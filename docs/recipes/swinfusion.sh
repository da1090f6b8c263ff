#!/usr/bin/env bash
# SwinFusion (Ma et al., IEEE/CAA J. Autom. Sinica 9(7), 2022): luma.
# code: github.com/Linfeng-Tang/SwinFusion; weights: Model/Infrared_Visible_Fusion, linked there
# method: SwinFusion=folder:RESULTS/{factor}/{severity}/{modality}?luma=1
# From the README: the script, its options, Dataset/testsets/MSRS with IR and VI_Y (luma).
# Not verified: that results go below results/.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" Dataset/testsets/MSRS/IR
    put_luma "$2" Dataset/testsets/MSRS/VI_Y
    own results
    "$python" test_swinfusion.py --model_path=./Model/Infrared_Visible_Fusion/Infrared_Visible_Fusion/models/ \
        --iter_number=10000 --dataset=MSRS --A_dir=IR --B_dir=VI_Y
    made=results
}

each_condition
