"""The documentation shows the ladders that the code has."""

from __future__ import annotations

from pathlib import Path

from degradation.factor import FACTORS

DOCUMENT = Path(__file__).parents[2] / "docs" / "degradation.md"


def test_every_ladder_is_in_the_table() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    for name, factor in FACTORS.items():
        rows = [line for line in lines if line.startswith(f"| `{name}` |")]
        assert any(factor.description in row for row in rows), f"{name}: description"
        for modality, ladder in factor.ladder.items():
            for parameter in ladder[0]:
                values = [rung[parameter] for rung in ladder]
                cells = " | ".join(f"{value:g}" for value in values)
                assert not any(values) or any(row.endswith(f"| {cells} |") for row in rows), (name, modality, parameter)
