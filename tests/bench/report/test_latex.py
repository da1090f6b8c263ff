"""Tables for a paper fit their column in IEEEtran and article, whatever they hold."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from test_tables import LATEX, NAMES, TABLE

from bench.report import write_report
from bench.report.escape import latex_text
from bench.report.latex import LatexStyle, latex, latex_file, preview
from bench.report.latex_columns import PAGES, Page, Piece, blocks, points
from bench.report.tables import Column, Table
from bench.run.store import RunFolder
from tsdm_bench.errors import UsageError


def found(command: str, *arguments: str) -> bool:
    """Whether a program of TeX Live is here and ends well."""
    return bool(shutil.which(command)) and not subprocess.run([command, *arguments], capture_output=True).returncode


needs_latex = pytest.mark.skipif(
    not found("kpsewhich", "booktabs.sty", "multirow.sty", "IEEEtran.cls") or not shutil.which("pdflatex"),
    reason="needs pdflatex with booktabs, multirow and IEEEtran (texlive-latex-extra, texlive-publishers)",
)
IEEE, ONE_COLUMN, TWO_COLUMNS, A4 = (
    "[journal]{IEEEtran}", "{article}", "[twocolumn]{article}", "[twocolumn,a4paper]{article}",
)  # fmt: skip


def log_of(folder: Path, body: str, of: str = IEEE) -> str:
    """Compile a document; its log."""
    head = [rf"\documentclass{of}", r"\usepackage{booktabs,multirow,xcolor}", r"\begin{document}"]
    (folder / "t.tex").write_text("\n".join([*head, body, r"\end{document}"]), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "root:" not in done.stdout
    return (folder / "t.log").read_text(errors="replace")


def overfull(folder: Path, body: str, of: str = IEEE) -> list[str]:
    """The overfull boxes that the log of a document names."""
    return re.findall(r"Overfull .*", log_of(folder, body, of))


def widths(folder: Path, boxes: Sequence[str], of: str) -> list[float]:
    """Points of pieces of LaTeX source, set as in a table."""
    texts = [rf"\setbox0\hbox{{{box}}}\typeout{{points \the\wd0}}" for box in boxes]
    log = log_of(folder, "\n".join([latex_file([], LatexStyle(), ""), r"\footnotesize", *texts]), of)
    return [float(found) for found in re.findall(r"points (.*)pt", log)]


@needs_latex
@pytest.mark.parametrize("of", [IEEE, ONE_COLUMN, TWO_COLUMNS, A4])
def test_every_table_of_a_run_compiles_without_an_overfull_box(
    make_run: Callable[..., RunFolder], quick_curves: None, of: str
) -> None:
    methods = ("ir", "vis", "a", "b", "a_network_of_a_name_without_any_break_in_it", "TSDM-Fusion (our weights)")
    folder = make_run(
        images=11, methods=methods, found=dict(zip(methods, (0.6, 0.7, 0.8, 0.9, 1.0, 0.9), strict=True)),
        factors=("noise_gray", "gaussian_blur", "brightness_down"), severities=(0, 1, 3, 5), metrics=("core",),
    )  # fmt: skip
    record = folder.record()
    groups = {"b": {"kind": "learned"}, methods[-1]: {"kind": "learned", "ours": True}}
    facts = {name: of.model_copy(update=groups.get(name, {})) for name, of in record.methods.items()}
    folder.write_record(record.model_copy(update={"methods": facts}))
    sections = write_report(folder)
    files = [folder.path / f"tables/{section.name}.tex" for section in sections if section.tables]
    assert len(files) > 4
    body = "\n".join(rf"{path.read_text(encoding='utf-8')}\clearpage" for path in files)
    assert overfull(folder.path, body, of) == []
    assert r"\multirow{2}{*}{Classical}" in body
    assert body.count(r"\label{tab:fusion-clean-pairs}") == 2  # one layout for broad pages, one for narrow ones


@needs_latex
@pytest.mark.parametrize("style", [LatexStyle(), LatexStyle(best="colour", spread="std")])
def test_a_table_of_odd_names_compiles(tmp_path: Path, style: LatexStyle) -> None:
    names = [*LATEX, *NAMES, "w" * 300, "a b " * 100]
    frame = pd.DataFrame({"q": range(len(names)), "s": 0.5}, index=names, dtype=float)
    tables = [Table(name, name, frame, [Column("q", name, std="s")]) for name in names]
    assert overfull(tmp_path, latex_file(tables, style, "odd") + r"\clearpage") == []


@needs_latex
@pytest.mark.parametrize("of", [IEEE, ONE_COLUMN, TWO_COLUMNS])
def test_a_table_fits_in_every_style(tmp_path: Path, of: str) -> None:
    names = ["ir", "vis", "GFF", "a network of rather a long name (our weights)"]
    values = {"q": [-0.5, 0.25, 12.5, math.nan], "low": -1.25, "high": 13.5, "std": 0.5, "n": [3, 4, 4, 0]}
    frame = pd.DataFrame(values, index=names)
    further = Column("q", "of three words", digits=3, further=("low", "high"), std="std", count="n", full=4)
    columns = [Column("q", "mAP50", interval=("low", "high"), digits=3, std="std"), Column("q", "Q", "zero"), further]
    groups = dict(zip(names, ("Sources", "Sources", "Classical", "Ours"), strict=True))
    tables = [Table(str(n), "Note.", frame, columns * n, frozenset(names[:2]), groups=groups) for n in range(1, 6)]
    styles = product(
        ("bold", "colour"), ("auto", "interval", "std", "none"), ("any", "ieee" if of == IEEE else "article")
    )
    body = [latex_file(tables, LatexStyle(*style), "all") + r"\clearpage" for style in styles]
    assert overfull(tmp_path, "\n".join(body), of) == []


@needs_latex
@pytest.mark.parametrize("of", [IEEE, ONE_COLUMN])
def test_the_decimal_point_of_a_marked_number_stands_where_that_of_the_others_does(tmp_path: Path, of: str) -> None:
    behind = r"\textbf{12.}", r"\underline{12.}", r"\textbf{$-$0.}", ""
    marked = r"\benchbest{12.50}", r"\benchsecond{12.50}", r"\benchbest{$-$0.50}", r"\benchgap{50}{\textendash{}}"
    found = widths(tmp_path, ["50", *marked, *behind], of)
    decimals, numbers, wholes = found[0], found[1:5], found[5:]
    assert [number - whole for number, whole in zip(numbers, wholes, strict=True)] == pytest.approx(
        [decimals] * 4, abs=1e-3
    )
    assert widths(tmp_path, [r"\benchbest{9}", r"\benchbest{Best}"], of) == pytest.approx(
        widths(tmp_path, [r"\textbf{9}", r"\textbf{Best}"], of)
    )


@needs_latex
@pytest.mark.parametrize(("of", "page"), [(IEEE, PAGES["ieee"][0]), (ONE_COLUMN, PAGES["article"][1])])
def test_the_width_of_a_text_is_about_known(tmp_path: Path, of: str, page: Page) -> None:
    texts = ["Laplacian pyramid", "LUT-Fuse", "TSDM-Fusion lite (our weights)", "mAP50:95", "12.345", "[−0.1, 0.2]"]
    texts += ["wrong class", "Motorcycle", "false alarms", "a name of words that go on", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    found = widths(tmp_path, [latex_text(text) for text in texts], of)
    ratios = {text: points(text, page) / real for text, real in zip(texts, found, strict=True)}
    assert {text: ratio for text, ratio in ratios.items() if not 0.99 <= ratio <= 1.13} == {}


def test_columns_are_stacked_in_few_blocks_of_about_one_width() -> None:
    columns = [Piece("r", "", [], width) for width in (20.0, 20.0, 20.0, 20.0, 80.0, 20.0)]
    assert [len(block) for block in blocks(columns, 250.0)] == [6]
    assert [len(block) for block in blocks(columns, 150.0)] == [4, 2]
    assert [len(block) for block in blocks(columns, 10.0)] == [1] * 6


def test_a_head_is_broken_only_where_a_table_would_not_fit_otherwise() -> None:
    def head(columns: int) -> str:
        frame = pd.DataFrame(dict.fromkeys(map(str, range(columns)), 0.5), index=["a"])
        table = Table("", "", frame, [Column(str(i), "of severity", "") for i in range(columns)])
        return latex(table, LatexStyle(page="ieee"))

    assert [head(columns).count("of severity") for columns in (4, 5, 6)] == [4, 5, 0]
    assert [r"\begin{table}" in head(columns) for columns in (4, 5, 6)] == [True, True, True]
    assert r"of\\severity" in head(6)


@needs_latex
def test_a_long_table_is_split_into_floats_that_fit_a_page(tmp_path: Path) -> None:
    frame = pd.DataFrame({str(i): range(100) for i in range(9)}, index=[f"method {i}" for i in range(100)], dtype=float)
    table = Table("Long", "Note.", frame, [Column(str(i), f"metric {i}") for i in range(9)])
    assert overfull(tmp_path, latex_file([table], LatexStyle(), "long") + r"\clearpage") == []
    assert "Float too large" not in (tmp_path / "t.log").read_text()
    text = latex(table, LatexStyle(page="ieee"), "tab:long")
    assert text.count(r"\begin{table") == 3
    assert text.count("\\addtocounter{table}{-1}\n\\caption{Long (continued)}") == 2
    assert text.count("method 7 &") == 1


@pytest.mark.skipif(shutil.which("bibtex") is None or not found("kpsewhich", "IEEEtran.bst"), reason="needs bibtex")
@needs_latex
def test_the_preview_compiles_with_its_references(make_run: Callable[..., RunFolder], quick_curves: None) -> None:
    folder = make_run(metrics=("psnr", "vif", "qcb"))
    write_report(folder)
    tables = folder.path / "tables"
    for command in (
        "pdflatex -interaction=nonstopmode preview",
        "bibtex preview",
        "pdflatex preview",
        "pdflatex preview",
    ):
        done = subprocess.run(
            command.split(), cwd=tables, capture_output=True, text=True, check=False, errors="replace"
        )
        assert done.returncode == 0, done.stdout[-2000:]
        assert "Warning--" not in done.stdout
    keys = re.findall(r"bibitem\{(\w+)", (tables / "preview.bbl").read_text())
    assert keys == ["chen2009qcb", "liu2012objective", "sheikh2006vif", "xue2024novel"]


def test_sources_stand_apart_and_marks_can_be_defined_otherwise() -> None:
    text = latex(TABLE)
    assert r"Method & PSNR $\uparrow$ & MSE $\downarrow$ & Qsf $\to 0$ \\" in text
    assert "ir & 20.00 & 9.0 & 0.50 \\\\\n\\midrule\nA\\_1 & \\benchbest{31.25}" in text
    assert r"\benchsecond{25.00}" in text
    assert r"Note 50 \%." in text
    assert r"\caption{Title}" in text
    bold, colour = (latex_file([TABLE], LatexStyle(best=best), "x") for best in ("bold", "colour"))
    assert r"\providecommand{\benchbest}[1]{\benchpoint{\textbf}{#1}}" in bold
    assert r"\providecommand{\benchbest}[1]{\textcolor{red}{#1}}" in colour
    assert r"\label{tab:x-title}" in bold


def test_a_number_below_zero_has_a_minus_and_a_missing_one_is_centred() -> None:
    frame = pd.DataFrame({"q": [-0.5, None], "low": [-0.6, None], "high": [0.1, None]}, index=["a-b", "c"])
    text = latex(Table("", "", frame, [Column("q", "Q", digits=2, interval=("low", "high"))]))
    assert "a-b & $-$0.50 & \\scriptsize [$-$0.60, 0.10] \\\\\n" in text
    assert "c & \\benchgap{$-$0.50}{\\textendash{}} & \\\\\n" in text


@pytest.mark.parametrize(
    ("spread", "shown"),
    [
        ("auto", r"a & \benchbest{0.50} & 0.10 \\"),
        ("interval", r"a & \benchbest{0.50} & \scriptsize [0.40, 0.62] & 0.10 \\"),
        ("std", r"a & \benchbest{0.50} & \scriptsize $\pm$0.05 & 0.10 \\"),
        ("none", r"a & \benchbest{0.50} & 0.10 \\"),
    ],
)
def test_what_stands_behind_a_mean_is_chosen(spread: str, shown: str) -> None:
    frame = pd.DataFrame(
        {"q": [0.5, 0.25], "low": [0.4, 0.1], "high": [0.62, 0.3], "std": [0.05, 0.06], "r": [0.1, 0.1]},
        index=["a", "b"],
    )
    columns = [Column("q", "Q", digits=2, further=("low", "high"), std="std"), Column("r", "R", digits=2)]
    assert shown in latex(Table("", "", frame, columns), LatexStyle(spread=spread))


def test_a_style_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match="best 'green': expected bold or colour"):
        LatexStyle(best="green")


def test_the_preview_names_all_sections() -> None:
    text = preview(["fusion", "ranking"], LatexStyle(best="colour"))
    assert r"\input{fusion.tex}\clearpage" in text
    assert "xcolor" in text
