"""Tables for a paper fit their column in IEEEtran and article, whatever they hold."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from test_tables import LATEX, NAMES, TABLE

from bench.report import write_report
from bench.report.latex import LatexStyle, latex, latex_file, preview
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
IEEE, ONE_COLUMN, TWO_COLUMNS = "[journal]{IEEEtran}", "{article}", "[twocolumn]{article}"


def overfull(folder: Path, body: str, of: str = IEEE) -> list[str]:
    """Compile a document; the overfull boxes that its log names."""
    head = [rf"\documentclass{of}", r"\usepackage{booktabs,multirow,xcolor}", r"\begin{document}"]
    (folder / "t.tex").write_text("\n".join([*head, body, r"\end{document}"]), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "root:" not in done.stdout
    return re.findall(r"Overfull .*", (folder / "t.log").read_text(errors="replace"))


@needs_latex
@pytest.mark.parametrize("of", [IEEE, ONE_COLUMN, TWO_COLUMNS])
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
    assert body.count(r"\label{tab:fusion-clean-pairs}") == 2  # one layout for a broad page, one for a narrow one


@needs_latex
@pytest.mark.parametrize("style", [LatexStyle(), LatexStyle(best="colour", spread="std")])
def test_a_table_of_odd_names_compiles(tmp_path: Path, style: LatexStyle) -> None:
    names = [*LATEX, *NAMES, "w" * 300, "a b " * 100]
    frame = pd.DataFrame({"q": range(len(names)), "s": 0.5}, index=names, dtype=float)
    tables = [Table(name, name, frame, [Column("q", name, std="s")]) for name in names]
    assert overfull(tmp_path, latex_file(tables, style, "odd") + r"\clearpage") == []


@needs_latex
def test_a_long_table_is_split_into_floats_that_fit_a_page(tmp_path: Path) -> None:
    frame = pd.DataFrame({str(i): range(100) for i in range(9)}, index=[f"method {i}" for i in range(100)], dtype=float)
    table = Table("Long", "Note.", frame, [Column(str(i), f"metric {i}") for i in range(9)])
    assert overfull(tmp_path, latex_file([table], LatexStyle(), "long") + r"\clearpage") == []
    assert "Float too large" not in (tmp_path / "t.log").read_text()
    text = latex(table, LatexStyle(page="ieee"), "tab:long")
    assert text.count(r"\begin{table") == 3
    assert text.count("(continued)") == 2
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
    assert r"\providecommand{\benchbest}[1]{\textbf{#1}}" in bold
    assert r"\providecommand{\benchbest}[1]{\textcolor{red}{#1}}" in colour
    assert r"\label{tab:x-title}" in bold


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
