#!/usr/bin/env bash
# DSPFusion (Tang et al., IEEE TIP 2026): restores and fuses by degradation and semantic priors; colour.
# code: github.com/Linfeng-Tang/DSPFusion; weights: its release v1.0 into ckpt/
# method: DSPFusion=folder:RESULTS/{factor}/{severity}/{modality}
# From the README: the script and its option file, the folders below datasets/Hybrid_Datasets/test, and results in
# Results/DSPF/CONDITION. The option file fuses all conditions of the folder, so each of them gets our images, and the
# results of one are taken.
# Not verified: the names of the CONDITION folders.
source "$(dirname "$0")/conditions.sh"

fuse() {
    local test=datasets/Hybrid_Datasets/test part
    for part in ir ir_LC ir_RN ir_SN; do put "$1" "$test/$part"; done
    for part in vi vi_Blur vi_LL vi_OE vi_Rain vi_RN; do put "$2" "$test/$part"; done
    own Results
    "$python" test.py -opt options/test/DSPF_S2.yml
    made=$(find Results/DSPF -mindepth 1 -maxdepth 1 -type d | sort | head -n 1)
}

each_condition
