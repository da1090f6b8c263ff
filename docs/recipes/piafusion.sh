#!/usr/bin/env bash
# PIAFusion (Tang et al., Information Fusion 83-84, 2022), in the PyTorch form that the authors' README links; colour.
# code: github.com/linklist2/PIAFusion_pytorch; weights: in the repository, pretrained/fusion_model_epoch_29.pth
# method: PIAFusion=folder:RESULTS/{factor}/{severity}/{modality}
# From the README: the script, its options, Inf/ and Vis/ below --h5_path, results in --save_path. It says of itself that
# it is unofficial and that its loss differs slightly; the authors' own code (github.com/Linfeng-Tang/PIAFusion) needs
# TensorFlow 1.14.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" own_input/Inf
    put "$2" own_input/Vis
    own own_output
    "$python" test_fusion_model.py --h5_path own_input --save_path own_output \
        --fusion_pretrained "${WEIGHTS:-pretrained/fusion_model_epoch_29.pth}"
    made=own_output
}

each_condition
