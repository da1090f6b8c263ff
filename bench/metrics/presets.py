"""Named lists of metric ids."""

from __future__ import annotations

PRESETS: dict[str, tuple[str, ...]] = {
    "core": ("en", "sd", "sf", "ag", "mi", "scd", "cc", "psnr", "mse", "vif", "qabf", "ssim_mean"),
    "all": (
        *("en", "sd", "sf", "ag", "ei", "mse", "rmse", "psnr"),
        *("mi", "qmi", "qte", "qte_cvejic", "qncie", "ce", "rce"),
        *("fmi_pixel", "fmi_gradient", "fmi_edge", "fmi_dct", "fmi_wavelet"),
        *("cc", "scd", "ssim_mean", "ssim_sum", "ms_ssim", "mef_ssim", "vif", "viff", "qs", "qw", "qe", "qc", "qy"),
        *("qabf", "qg", "qabf_petrovic", "labf", "nabf", "qsf", "qp", "qcb", "qcv"),
    ),
    "paper-vifb": (
        *("ce_vifb", "en_vifb", "mi_vifb", "psnr_vifb", "ag_vifb", "ei_vifb", "qabf_vifb", "sd_vifb", "sf_vifb"),
        *("rmse_vifb", "ssim_vifb", "qcb_vifb", "qcv_vifb"),
    ),
    "paper-tang2022": (
        *("en", "sd_tang2022", "sf_tang2022", "ag_tang", "mi_tang2022", "mse_tang", "psnr_tang", "vif_tang2022"),
        *("cc", "scd", "qabf_tang2022"),
    ),
    "paper-tang2023": (
        *("en", "sd", "sf", "ag_tang", "mi", "mse_tang", "psnr_tang", "vif", "cc", "scd", "qabf", "nabf_tang"),
        *("ssim_tang", "mef_ssim", "fmi_edge", "fmi_dct", "fmi_wavelet"),
    ),
    "paper-cddfuse": (
        *("en", "sd", "sf", "ag", "mi_nats", "mse", "cc", "psnr_cddfuse", "scd", "vif", "qabf", "ssim_cddfuse"),
    ),
    "paper-liu2012": (*("qmi", "qte_cvejic_liu", "qncie", "qg", "qsf", "qp", "qs", "qc", "qy", "qcv", "qcb"),),
}
