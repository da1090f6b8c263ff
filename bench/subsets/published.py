"""The subsets that are reported on; their ids are in ``published.csv``."""

from __future__ import annotations

from bench.subsets import Subset

M3FD72 = Subset(
    name="m3fd72",
    title="M3FD, 72 labelled pairs",
    dataset="m3fd",
    pairs=72,
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
    source="github.com/Linfeng-Tang/Evaluation-for-Image-Fusion: the pairs whose metric values are published",
)
