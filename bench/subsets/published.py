"""The subsets that are reported on."""

from __future__ import annotations

from bench.subsets import Subset

IDS_OF_THE_72 = """
00042 00061 00097 00177 00232 00349 00353 00370 00385 00386 00388 00389 00390 00400 00405 00409 00489 00525 00527
00555 00572 00769 00787 00825 00826 00829 00834 00878 00896 00910 00916 00922 00926 01034 01043 01115 01122 01165
01204 01267 01270 01299 01301 01320 01331 01845 02073 02119 02120 02142 02195 02249 02337 02369 02464 02606 02611
02641 02778 02860 02896 03417 03433 03438 03575 03589 03640 03708 03719 03836 03878 04006
"""

M3FD72 = Subset(
    name="m3fd72",
    title="M3FD, 72 labelled pairs",
    dataset="m3fd",
    pairs=72,
    ids=tuple(IDS_OF_THE_72.split()),
    source="TSDM-Bench: 619 boxes of all six classes; 43 of the pairs are of the official training split",
)
M3FD300 = Subset(
    name="m3fd300",
    title="M3FD, the 300 fusion pairs",
    dataset="m3fd_fusion",
    pairs=300,
    source="Liu et al., TarDAL, CVPR 2022: M3FD_Fusion",
)
LLVIP_TEST = Subset(
    name="llvip_test",
    title="LLVIP, test split",
    dataset="llvip",
    pairs=3463,
    split="test",
    source="Jia et al., LLVIP, ICCVW 2021: visible/test and infrared/test",
)
ROADSCENE221 = Subset(
    name="roadscene221",
    title="RoadScene, all 221 pairs",
    dataset="roadscene",
    pairs=221,
    source="Xu et al., U2Fusion, TPAMI 2022",
)
TNO42 = Subset(
    name="tno42",
    title="TNO, 42 pairs",
    dataset="tno",
    pairs=42,
    source="github.com/Linfeng-Tang/Evaluation-for-Image-Fusion, Image/Source-Image/TNO",
)
TNO10 = Subset(
    name="tno10",
    title="TNO, 10 pairs with published values",
    dataset="tno",
    pairs=10,
    ids=("05", "09", "10", "11", "15", "16", "18", "22", "23", "24"),
    source="github.com/Linfeng-Tang/Evaluation-for-Image-Fusion: the pairs whose metric values are published",
)
TNO21 = Subset(
    name="tno21",
    title="TNO, 21 pairs (no list)",
    dataset="tno",
    pairs=21,
    unlisted="take the images from the repository of the paper that you compare with, as `dataset: folder`",
    source="DenseFuse, TIP 2019, and after it: numbered by themselves; no published list maps them to the 42",
)
TNO25 = Subset(
    name="tno25",
    title="TNO, 25 pairs (no list)",
    dataset="tno",
    pairs=25,
    unlisted="take test_img/TNO of github.com/Zhaozixiang1228/MMIF-CDDFuse, as `dataset: folder`",
    source="CDDFuse, CVPR 2023, and after it: numbered by themselves; no published list maps them to the 42",
)
