"""From a run folder to what people read: tables, curves and one self-contained page."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.registry import FACTORS
from bench.report.curves import draw_curves, save
from bench.report.summary import (
    DETECTION_QUANTITIES,
    curve_points,
    detection_scores,
    fusion_scores,
    ranks,
    robustness_scores,
    selected,
    source_methods,
)
from bench.report.tables import Column, Table, as_html, latex, markdown
from bench.store import RunFolder, write_atomically
from bench.suite import Suite

log = logging.getLogger(__name__)

REFERENCES = {
    "none": "the fused image alone",
    "clean": "compared with the clean pair (recovery)",
    "seen": "compared with the inputs as the method saw them",
}
OPEN_CURVES = ("map50", "map50-95", "vif-clean", "qabf-clean")
"""Curves that the page shows at once; the others unfold on a click."""


@dataclass
class Section:
    """One part of the page and one family of files."""

    name: str
    heading: str
    tidy: pd.DataFrame
    tables: list[Table] = field(default_factory=list)
    figures: list[Path] = field(default_factory=list)


def write_report(folder: RunFolder) -> list[Section]:
    """Derive everything that is shown from the shards of ``folder`` and write it there.

    ``tables/*.{csv,md,tex}``, ``curves/*.{png,pdf}`` and ``index.html``. Nothing is written where there are no rows.
    """
    info = folder.read_info()
    suite = Suite(**info["suite"])
    titles = titles_of(suite, info)
    rows = selected(folder.rows(), suite, folder.pairs()["image"])
    if rows.empty:
        log.warning("%s has no rows yet; nothing to report", folder.path)
        return []
    sections = _sections(folder, suite, info, rows, titles)
    for section in sections:
        _write_tables(folder.path / "tables", section)
    write_atomically(
        folder.path / "index.html", lambda path: path.write_text(_page(folder, info, suite, sections, titles))
    )
    return sections


def titles_of(suite: Suite, info: dict) -> dict[str, str]:
    """Names for the reader of the methods and factors of a run."""
    factors = {name: FACTORS[name].title for name in suite.factors}
    return factors | {name: described["title"] for name, described in info["methods"].items()}


def _sections(folder: RunFolder, suite: Suite, info: dict, rows: pd.DataFrame, titles: dict[str, str]) -> list[Section]:
    curves = folder.path / "curves"
    curves.mkdir(parents=True, exist_ok=True)
    scores = fusion_scores(rows)
    sections = []
    detection = detection_scores(folder, suite, info["classes"], rows) if suite.detector else pd.DataFrame()
    if not detection.empty:
        sections.append(_detection(detection, info, suite, titles, curves))
    sections.append(_fusion(scores, suite, titles, curves))
    sections.append(_robustness(scores, detection, suite, titles))
    sections.append(_ranking(scores, suite, titles))
    return sections


def _fusion(scores: pd.DataFrame, suite: Suite, titles: dict[str, str], curves: Path) -> Section:
    section = Section("fusion", "Fusion metrics", scores)
    clean = scores["factor"] == CLEAN.factor
    count = int(scores["n"].max())
    if clean.any():
        # On a clean pair both references are the same images.
        kept = scores["reference"].isin(["none", suite.references[0]])
        section.tables.append(
            _metric_table(scores[clean & kept], suite, titles, "Clean pairs", f"Mean over {count} pairs.")
        )
    for reference in suite.references if (~clean).any() else ():
        kept = scores["reference"].isin(["none", reference])
        note = f"Mean over {count} pairs and all degraded conditions; full-reference metrics {REFERENCES[reference]}."
        title = f"Degraded pairs, reference: {reference}"
        section.tables.append(_metric_table(scores[~clean & kept], suite, titles, title, note))
    for (metric, reference), group in scores.groupby(["metric", "reference"], sort=False):
        card = METRICS[metric]
        path = curves / (metric if reference == "none" else f"{metric}-{reference}")
        label = card.symbol if reference == "none" else f"{card.symbol} ({reference})"
        _curve(group, suite, titles, path, f"{card.title}: {REFERENCES[reference]}", label, card.direction, section)
    return section


def _metric_table(scores: pd.DataFrame, suite: Suite, titles: dict[str, str], title: str, note: str) -> Table:
    wide = scores.pivot_table(index="method", columns="metric", values="mean", sort=False)
    names = [name for name in scores["metric"].unique() if name in wide]
    columns = [Column(name, METRICS[name].symbol, METRICS[name].direction) for name in names]
    ids = ", ".join(f"{METRICS[name].symbol} = {name}" for name in names)
    note = f"{note} Source images alone are shown for orientation and not ranked. Definitions: {ids}."
    return _table(title, note, wide, columns, suite, titles, source_methods(suite.methods))


def _table(
    title: str,
    note: str,
    wide: pd.DataFrame,
    columns: list[Column],
    suite: Suite,
    titles: dict[str, str],
    unranked: Iterable[str] = (),
) -> Table:
    wide = wide.reindex([name for name in suite.methods if name in wide.index]).rename(index=titles)
    return Table(title, note, wide, columns, frozenset(titles[name] for name in unranked))


def _curve(
    scores: pd.DataFrame,
    suite: Suite,
    titles: dict[str, str],
    path: Path,
    title: str,
    label: str,
    direction: str,
    section: Section,
) -> None:
    points = curve_points(scores, suite)
    if points["severity"].nunique() < 2:
        return
    several = len(suite.modalities) > 1
    for modality, group in points.groupby("modality", sort=False) if several else [("", points)]:
        to = path.with_name(f"{path.name}-{modality}") if several else path
        shown = f"{title} ({modality} degraded)" if several else title
        save(draw_curves(group, title=shown, label=label, direction=direction, titles=titles), to)
        section.figures.append(to.with_suffix(".png"))


def _detection(detection: pd.DataFrame, info: dict, suite: Suite, titles: dict[str, str], curves: Path) -> Section:
    section = Section("detection", "Detection", detection)
    described = info["detector"]
    mapped = ", ".join(f"{label} → {name}" for label, name in described["class_map"].items())
    who = f"Detector {described['name']}, protocol {described['protocol']}: one detector for all methods ({mapped})."
    overall = detection[detection["class"] == "all"]
    clean = detection["factor"] == CLEAN.factor
    if clean.any():
        per_class = detection[clean].pivot_table(index="method", columns="class", values="AP50", sort=False)
        wide = per_class.join(overall[overall["factor"] == CLEAN.factor].set_index("method")[["AP", "AP75"]])
        names = [name for name in per_class if name != "all"]
        columns = [Column(name, name, digits=3) for name in names]
        columns += [
            Column("all", "mAP50", digits=3),
            Column("AP75", "mAP75", digits=3),
            Column("AP", "mAP50:95", digits=3),
        ]
        absent = [name for name in info["classes"] if name not in names]
        without = f" No object of {', '.join(absent)} in these pairs: not part of the mean." if absent else ""
        images = int(overall["images"].max())
        note = f"AP50 per class and mean average precision over {images} labelled pairs. {who}{without}"
        section.tables.append(_table("Clean pairs", note, wide, columns, suite, titles))
    for key, head in DETECTION_QUANTITIES.items():
        table = _severity_table(overall, key, head, suite, titles)
        if table:
            section.tables.append(table)
        scores = overall.assign(mean=overall[key], low=float("nan"), high=float("nan"))
        name = head.replace(":", "-").lower()
        _curve(scores, suite, titles, curves / name, f"{head} of {described['name']}", head, "higher", section)
    return section


def _severity_table(overall: pd.DataFrame, key: str, head: str, suite: Suite, titles: dict[str, str]) -> Table | None:
    """Methods × severities, the mean over factors."""
    wide = overall.groupby(["method", "severity"], sort=False)[key].mean().unstack().sort_index(axis=1)
    if wide.shape[1] < 2:
        return None
    columns = [Column(severity, "clean" if severity == 0 else f"severity {severity}", digits=3) for severity in wide]
    factors = ", ".join(titles[name] for name in suite.factors)
    return _table(f"{head} by severity", f"Mean over the factors {factors}.", wide, columns, suite, titles)


def _robustness(scores: pd.DataFrame, detection: pd.DataFrame, suite: Suite, titles: dict[str, str]) -> Section:
    parts = []
    if not detection.empty:
        overall = detection[detection["class"] == "all"]
        for key, head in DETECTION_QUANTITIES.items():
            parts.append(overall.assign(metric=head, reference="none", mean=overall[key]))
    parts.append(scores)
    tidy = robustness_scores(pd.concat(parts, ignore_index=True), ["metric", "reference"])
    section = Section("robustness", "Robustness", tidy)
    shown = (
        ["mAP50", "mAP50:95"]
        if not detection.empty
        else [m for m in ("vif", "qabf", "ssim_mean") if m in set(scores["metric"])]
    )
    for metric in shown:
        part = tidy[(tidy["metric"] == metric) & tidy["reference"].isin(["none", "clean"])]
        if part.empty:
            continue
        table = _robustness_table(part, metric, suite, titles)
        section.tables.append(table)
    return section


def _robustness_table(part: pd.DataFrame, metric: str, suite: Suite, titles: dict[str, str]) -> Table:
    head = metric if metric in DETECTION_QUANTITIES.values() else METRICS[metric].symbol
    direction = "higher" if metric in DETECTION_QUANTITIES.values() else METRICS[metric].direction
    ranked = metric in DETECTION_QUANTITIES.values()
    overall = part[part["factor"] == "all"].set_index("method")[["P", "mPC", "rPC"]]
    factors = part[part["factor"] != "all"]
    several = len(suite.modalities) > 1
    keys = list(zip(factors["factor"], factors["modality"], strict=True))
    wide = overall.join(
        factors.assign(key=keys).pivot(index="method", columns="key", values="mPC")[list(dict.fromkeys(keys))]
    )
    columns = [
        Column("P", "P (clean)", direction, 3),
        Column("mPC", "mPC", direction, 3),
        Column("rPC", "rPC", direction, 3),
    ]
    columns += [
        Column(key, titles[key[0]] + (f" ({key[1]})" if several else ""), direction, 3)
        for key in wide
        if isinstance(key, tuple)
    ]
    note = (
        f"{head} on clean pairs (P), its mean over factors and over the severities from 1 that were run (mPC), "
        f"rPC = mPC / P, and mPC per factor."
    )
    if not ranked:
        note += " Compared with the clean pair. Source images alone are not ranked."
    unranked = () if ranked else source_methods(suite.methods)
    return _table(f"Robustness of {head}", note, wide, columns, suite, titles, unranked)


def _ranking(scores: pd.DataFrame, suite: Suite, titles: dict[str, str]) -> Section:
    sources = source_methods(suite.methods)
    tidy = ranks(scores, sources)
    section = Section("ranking", "Ranking", tidy)
    if tidy.empty:
        return section
    tidy = tidy[tidy["reference"].isin(["none", "clean"] if "clean" in suite.references else ["none", "seen"])]
    parts = {
        "clean": tidy[tidy["factor"] == CLEAN.factor].groupby("method")["rank"].mean(),
        "degraded": tidy[tidy["severity"] > 0].groupby("method")["rank"].mean(),
    }
    parts |= {name: tidy[tidy["factor"] == name].groupby("method")["rank"].mean() for name in suite.factors}
    wide = pd.DataFrame({name: part for name, part in parts.items() if not part.empty})
    columns = [Column(name, titles.get(name, name), "lower", 2) for name in wide]
    metrics = ", ".join(METRICS[name].symbol for name in scores["metric"].unique())
    note = f"Mean rank (1 = best of {len(wide)}) over {metrics}; source images alone take no part."
    section.tables.append(_table("Mean rank over the fusion metrics", note, wide, columns, suite, titles))
    return section


def _write_tables(folder: Path, section: Section) -> None:
    text = {
        "csv": section.tidy.to_csv(index=False),
        "md": f"## {section.heading}\n\n" + "\n".join(markdown(table) for table in section.tables),
        "tex": "\n".join(latex(table) for table in section.tables),
    }
    for ending, content in text.items():
        write_atomically(folder / f"{section.name}.{ending}", lambda path, content=content: path.write_text(content))


def _page(folder: RunFolder, info: dict, suite: Suite, sections: list[Section], titles: dict[str, str]) -> str:
    template = jinja2.Environment(autoescape=True).from_string(files("bench.report").joinpath("page.html").read_text())
    failures = [f"{f.image} {f.method}: {f.error}" for f in folder.failures()]
    return template.render(
        title=suite.title or suite.name,
        subtitle=f"{info['dataset']['title']} · {info['pairs']['count']} pairs · {len(suite.methods)} methods · "
        f"{len(suite.factors)} factors · seed {suite.seed} · {info['finished']}",
        synthetic=info["dataset"]["synthetic"],
        failures=failures,
        left_out=info["left_out"],
        sections=[_view(section) for section in sections],
        facts=_facts(info),
    )


def _view(section: Section) -> dict:
    figures = [
        {"alt": path.stem, "data": base64.b64encode(path.read_bytes()).decode(), "open": path.stem in OPEN_CURVES}
        for path in section.figures
    ]
    tables = [{"title": table.title, "note": table.note, "body": as_html(table)} for table in section.tables]
    return {"name": section.name, "heading": section.heading, "tables": tables, "figures": figures}


def _facts(info: dict) -> dict[str, str]:
    suite = info["suite"]
    facts = {
        "suite": suite["name"],
        "dataset": info["dataset"]["title"],
        "pairs": f"{info['pairs']['count']} (sha256 of the list {info['pairs']['sha256'][:12]}…)",
        "metrics": ", ".join(info["metrics"]),
        "severities": ", ".join(map(str, suite["severities"])),
        "degraded modality": ", ".join(suite["modalities"]),
        "seed": str(suite["seed"]),
        "device": f"{info['device']} {info['machine']['gpu']}".strip() + f", {info['machine']['cores']} cores",
        "computing time": f"{info['seconds'] / 60:.1f} min",
        "code": info["commit"][:12] or "not under version control",
        "versions": ", ".join(f"{name} {number}" for name, number in info["versions"].items() if number),
    }
    if "detector" in info:
        facts["detector"] = f"{info['detector']['name']} (sha256 {info['detector']['sha256'][:12]}…)"
    return facts
