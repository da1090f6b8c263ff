"""Tables as CSV: text is printable and no formula, and what is no text stays as it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsdm_bench.files import printable_cells


def test_cells_without_text_stay_as_they_are() -> None:
    table = pd.DataFrame({"method": ["gff", None, np.nan, "=cmd()", "gff"], "value": [1.0, np.nan, 2.0, 3.0, 4.0]})
    cells = printable_cells(table)
    assert cells["method"].isna().tolist() == [False, True, True, False, False]
    assert cells["method"].iloc[[0, 3, 4]].tolist() == ["gff", "'=cmd()", "gff"]
    assert cells["value"].equals(table["value"])
