#!/usr/bin/env bash
# Text-IF (Yi et al., CVPR 2024): degradation-aware fusion that is told what is wrong by a sentence; colour.
# code: github.com/XunpengYi/Text-IF, MIT; weights: Google Drive, linked in its README, into pretrained_weights/
# method: TextIF=folder:RESULTS/{factor}/{severity}/{modality}
# From the README: the script, its options, Infrared/ and Visible/ below --dataset_path, the sentence for plain fusion.
# Not verified: the names of the results below --save_path.
# TEXT and WEIGHTS choose the guided form (weights text_fusion.pth, and a sentence of the README per degradation). Such
# a sentence tells the method what no other method of the run is told: give the two forms different names.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" own_input/Infrared
    put "$2" own_input/Visible
    own own_output
    "$python" test_from_dataset.py --weights_path "${WEIGHTS:-pretrained_weights/simple_fusion.pth}" \
        --dataset_path own_input --save_path own_output \
        --input_text "${TEXT:-This is the infrared and visible light image fusion task.}"
    made=own_output
}

each_condition
