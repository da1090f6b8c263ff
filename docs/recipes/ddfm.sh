#!/usr/bin/env bash
# DDFM (Zhao et al., ICCV 2023): fusion by an unconditional diffusion model; minutes an image on a GPU.
# code: github.com/Zhaozixiang1228/MMIF-DDFM; weights: 256x256_diffusion_uncond.pt of github.com/openai/guided-diffusion
# into models/
# method: DDFM=folder:RESULTS/{factor}/{severity}/{modality}?luma=1
# From the README: the script, pairs below input, results in output/recon, timestep_respacing 100 and seed 3407.
# Not verified: the folders below input (IR_FOLDER and VIS_FOLDER name others), which image sizes it takes, and whether
# results are grey: leave out ?luma=1 where they have colour.
source "$(dirname "$0")/conditions.sh"

fuse() {
    put "$1" "${IR_FOLDER:-input/ir}"
    put "$2" "${VIS_FOLDER:-input/vi}"
    own output
    "$python" sample.py
    made=output/recon
}

each_condition
