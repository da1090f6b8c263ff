"""One BibTeX file of what a run rests on: its methods, metrics, factors and dataset, as their cards ask to be cited."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.datasets import DATASETS
from bench.metrics import METRICS
from bench.run.record import RunRecord
from degradation.factor import FACTORS

_ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}", re.MULTILINE | re.DOTALL)


def references(record: RunRecord) -> str:
    """The entries of a run's ``references.bib``, sorted by their keys."""
    dataset = [DATASETS[record.dataset.name].citation] if record.dataset.name in DATASETS else []
    methods = [record.methods[name].citation for name in record.suite.methods]
    words = {word for name in record.factors for word in re.split("[+:]", name)}
    factors = [FACTORS[name].citation for name in words if name in FACTORS]
    return merged([*methods, *(METRICS[name].citation for name in record.metrics), *factors, *dataset])


def merged(citations: Iterable[str]) -> str:
    """BibTeX entries, each key once, sorted.

    >>> one, other = "@misc{b,\\n  year = {2020},\\n}", "@misc{a,\\n  year = {2021},\\n}"
    >>> merged([f"{one}\\n{other}", one]).split("\\n")[0]
    '@misc{a,'
    """
    entries = {found[1]: found[0] for citation in citations for found in _ENTRY.finditer(citation)}
    return "\n".join(f"{entries[key]}\n" for key in sorted(entries))


def keys(citation: str) -> list[str]:
    """The keys of the entries of a citation."""
    return [found[1] for found in _ENTRY.finditer(citation)]
