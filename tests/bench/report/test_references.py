"""The BibTeX of every card can be handed to a publisher: it parses, is complete, and names each paper once."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.datasets import DATASETS
from bench.metrics import METRICS
from bench.report.references import merged
from bench.unfused import UNFUSED
from degradation.factor import FACTORS
from detectors.card import DETECTORS
from fusion.method import METHODS
from fusion.restoration.restorer import RESTORERS

REGISTRIES = DATASETS, METRICS, FACTORS, METHODS, RESTORERS, UNFUSED, DETECTORS
CITATIONS = sorted({card.citation for cards in REGISTRIES for card in cards.values() if card.citation})
REQUIRED = {
    "article": {"author", "title", "journal", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "misc": {"author", "title", "howpublished"},
}
"""The fields that BibTeX asks of each type, and those without which nobody finds the source."""
FIELD = re.compile(r"\s*(\w+)\s*=\s*\{")
DOI = re.compile(r"10\.\d{4,9}/[^\s{}\\%&#]+")


class Entry(NamedTuple):
    kind: str
    key: str
    fields: dict[str, str]


def entries(source: str) -> list[Entry]:
    """All entries of BibTeX source, strictly: ``@kind{key, name = {value}, …}``, and nothing between them."""
    found, place = [], 0
    while head := re.compile(r"\s*@(\w+)\{(\w+),").match(source, place):
        place, fields = head.end(), {}
        while field := FIELD.match(source, place):
            end = closing(source, field.end())
            assert source[end + 1 : end + 2] == ",", f"{head[2]}: no comma behind {field[1]}"
            assert field[1] not in fields, f"{head[2]}: {field[1]} twice"
            fields[field[1]] = " ".join(source[field.end() : end].split())
            place = end + 2
        end_of_entry = re.compile(r"\s*\}").match(source, place)
        assert end_of_entry, f"{head[2]}: {source[place : place + 40]!r} is no field"
        found.append(Entry(head[1], head[2], fields))
        place = end_of_entry.end()
    assert not source[place:].strip(), f"{source[place : place + 40]!r} is no entry"
    return found


def closing(source: str, place: int) -> int:
    """Where the brace closes that opened before ``place``."""
    depth = 1
    for end in range(place, len(source)):
        depth += {"{": 1, "}": -1}.get(source[end], 0)
        if not depth:
            return end
    raise AssertionError(f"the brace before {source[place : place + 40]!r} is never closed")


ENTRIES = list(chain.from_iterable(map(entries, CITATIONS)))
KNOWN = {entry.key: entry for entry in ENTRIES}


def normal(title: str) -> str:
    return re.sub(r"[^a-z0-9]", "", title.lower())


def test_what_was_learned_is_cited() -> None:
    learned = [card for cards in (METHODS, RESTORERS) for card in cards.values() if card.kind == "learned"]
    assert [card.name for card in learned if not card.citation] == []


def test_a_key_has_one_text() -> None:
    texts = {(entry.key, str(entry)) for entry in ENTRIES}
    assert [key for key, count in Counter(key for key, _ in texts).items() if count > 1] == []


@pytest.mark.parametrize("field", ["title", "doi"])
def test_a_paper_has_one_key(field: str) -> None:
    counts = Counter(normal(entry.fields[field]) for entry in KNOWN.values() if field in entry.fields)
    assert [value for value, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("key", sorted(KNOWN))
def test_an_entry_is_complete(key: str) -> None:
    kind, _, fields = KNOWN[key]
    assert REQUIRED[kind] - fields.keys() == set()
    assert all(fields.values())
    assert re.fullmatch(r"(19|20)\d\d", fields.get("year", "2000"))
    assert DOI.fullmatch(fields.get("doi", "10.1000/none"))
    assert re.fullmatch(r"[A-Z\d-]+(--[A-Z\d-]+)?", fields.get("pages", "1"))
    for author in fields["author"].split(" and "):
        assert re.fullmatch(r"[^,]+, [^,]+|\{.+\}", author), f"{author}: expected Last, First or {{Name}}"


def test_a_source_that_does_not_parse_is_found() -> None:
    with pytest.raises(AssertionError, match="a: no comma behind year"):
        entries("@misc{a,\n  year = {2020}\n}")
    with pytest.raises(AssertionError, match="no comma behind title"):
        entries("@misc{a,\n  title = {{A},\n}")
    with pytest.raises(AssertionError, match="never closed"):
        entries("@misc{a,\n  title = {{A")
    with pytest.raises(AssertionError, match="is no entry"):
        entries("@misc{a,\n  year = {2020},\n}\nsee also")


@pytest.mark.skipif(shutil.which("bibtex") is None, reason="needs bibtex")
@pytest.mark.parametrize("style", ["plain", "IEEEtran"])
def test_bibtex_takes_all_references_without_a_warning(tmp_path: Path, style: str) -> None:
    if subprocess.run(["kpsewhich", f"{style}.bst"], capture_output=True, check=False).returncode:
        pytest.skip(f"needs {style}.bst")
    (tmp_path / "references.bib").write_text(merged(CITATIONS), encoding="utf-8")
    (tmp_path / "all.aux").write_text(f"\\citation{{*}}\n\\bibstyle{{{style}}}\n\\bibdata{{references}}\n")
    done = subprocess.run(["bibtex", "all"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Warning--" not in done.stdout
    assert (tmp_path / "all.bbl").read_text().count("\\bibitem{") == len(KNOWN)
