"""BibTeX of the papers that brought a method and a dataset: the cards of both name them."""

from __future__ import annotations

LIU_2022 = r"""@inproceedings{liu2022tardal,
  author    = {Liu, Jinyuan and Fan, Xin and Huang, Zhanbo and Wu, Guanyao and Liu, Risheng and Zhong, Wei and
             Luo, Zhongxuan},
  title     = {Target-Aware Dual Adversarial Learning and a Multi-Scenario Multi-Modality Benchmark to Fuse
             Infrared and Visible for Object Detection},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {5792--5801},
  year      = {2022},
  doi       = {10.1109/CVPR52688.2022.00571},
}"""
XU_2022 = r"""@article{xu2022u2fusion,
  author  = {Xu, Han and Ma, Jiayi and Jiang, Junjun and Guo, Xiaojie and Ling, Haibin},
  title   = {{U2Fusion}: A Unified Unsupervised Image Fusion Network},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume  = {44},
  number  = {1},
  pages   = {502--518},
  year    = {2022},
  doi     = {10.1109/TPAMI.2020.3012548},
}"""
