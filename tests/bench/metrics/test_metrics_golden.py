"""Against the output of the MATLAB originals (VIFB, Tang, Liu 2012, Han) under Octave on the synthetic triple."""

from __future__ import annotations

import pytest
from synthetic_triple import SUMS, plane, triple

from bench.metrics import METRICS

MATLAB = {
    # VIFB
    "ag_vifb": 6.85288029586,
    "ce": 0.582270396778,
    "ce_vifb": 0.582270396778,
    "ei": 67.827779624,
    "ei_vifb": 67.827779624,
    "en": 7.01121239781,
    "en_vifb": 7.01121239781,
    "mi_vifb": 2.81514974632,
    "psnr_vifb": 53.0790257082,
    "qabf": 0.535509319461,
    "qabf_vifb": 0.535509319461,
    "qcb": 0.524039598313,
    "qcb_vifb": 0.524039598313,
    "qcv": 594.956620962,
    "qcv_vifb": 594.956620962,
    "rmse_vifb": 0.320020493098,
    "sf_vifb": 21.7516612153,
    "ssim_sum": 1.20597508616,
    "ssim_vifb": 1.20597508616,
    "sd_vifb": 35.0818443281,
    # Tang
    "mi": 4.06140257837,
    "sf": 21.852967463,
    "sd": 35.0818443281,
    "psnr_tang": 65.0054107129,
    "mse_tang": 0.0205371081235,
    "vif": 0.432230053005,
    "ag_tang": 6.85288029586,
    "cc": 0.674930776624,
    "scd": 1.51105934962,
    "nabf_tang": 0.0448395495903,
    "nabf": 0.000981250910594,
    "ssim_tang": 0.533283650672,
    "mef_ssim": 0.876089429669,
    "fmi_pixel": 0.483023036469,
    "fmi_gradient": 0.360336695652,
    "fmi_dct": 0.353903607212,
    # Liu 2012
    "qmi": 0.57892909086,
    "qte_cvejic_liu": 16.4407667222,
    "qte_liu": 0.469017637462,
    "qncie": 0.811450600899,
    "qg": 0.582732764015,
    "qsf": -0.373823815329,
    "qp": 0.574631624341,
    "qs": 0.728029400447,
    "qw": 0.717175001374,
    "qc": 0.560642196735,
    "qy": 0.839028720548,
    # Han
    "viff": 0.212946665371,
}
PYTHON = {
    # the public evaluator of CDDFuse, in single precision
    "ag": 6.728515625,
    "mi_nats": 2.8151497463160333,
    "mse": 1335.4254150390625,
    "psnr_cddfuse": 15.748764038085938,
    # scikit-image, single precision
    "ssim_cddfuse": 1.0290929332644831,
    "ssim_cddfuse_255": 1.1553809244126116,
}


@pytest.fixture(scope="module")
def planes():
    return [plane(image) for image in triple()]


def test_the_triple_is_the_one_that_matlab_saw():
    assert tuple(int(image.astype(int).sum()) for image in triple()) == SUMS


@pytest.mark.parametrize("name", MATLAB)
def test_equals_matlab_to_eight_digits(name, planes):
    assert METRICS[name].compute(*planes).item() == pytest.approx(MATLAB[name], rel=1e-8 if name == "qp" else 1e-11)


@pytest.mark.parametrize("name", PYTHON)
def test_equals_the_public_evaluator_to_single_precision(name, planes):
    assert METRICS[name].compute(*planes).item() == pytest.approx(PYTHON[name], rel=1e-7)
