"""An object of a Pascal VOC file as text."""

from __future__ import annotations


def voc_object(left=61, top=46, right=100, bottom=85, name="person", more="") -> str:
    corners = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>\n"
