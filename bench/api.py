"""What the commands do, as functions. All is imported when it is called, so that ``import bench`` costs nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tsdm_bench.errors import UsageError
from tsdm_bench.places import data_root_of, place_of, weights_dir_of

if TYPE_CHECKING:
    import numpy as np

    from bench.comparison import Comparison
    from bench.degrading import Written
    from bench.fusing import Fused
    from bench.results import RunResult
    from bench.scoring import Scores
    from bench.suite import Suite

log = logging.getLogger(__name__)


def run(
    suite: str | Path | Suite = "demo",
    *,
    data_root: str | Path | None = None,
    weights_dir: str | Path | None = None,
    out: str | Path = "results",
    device: str = "auto",
    workers: int | None = None,
    executor: str = "local",
    address: str | None = None,
    gpu_share: float = 1.0,
    batch: int | None = None,
    budget: float | None = None,
    panels: int = 3,
    show: str | Sequence[str] = (),
    recompute: str | Sequence[str] = (),
    named_methods: bool | None = None,
    report: bool = True,
    **fields: Any,
) -> RunResult:
    """Run a benchmark suite, or what is missing of it, and write its tables, curves and page.

    Args:
        suite: the name of a suite, a YAML file, or a :class:`bench.suite.Suite`.
        data_root: the folder of the datasets (default: ``TSDM_BENCH_DATA``).
        weights_dir: a folder of weights (default: ``TSDM_BENCH_WEIGHTS``).
        out: where run folders go.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        workers: processes on the CPU (default: one per core).
        executor: who starts them, ``local`` or ``ray``.
        address: of a Ray cluster (default: ``RAY_ADDRESS``, else one is started here).
        gpu_share: of one GPU, for each worker of a Ray cluster.
        batch: cells that go through together (default: what a GPU has room for; 1 on the CPU).
        budget: seconds after which no further cell is computed.
        panels: how many pairs the page shows; chosen evenly, under one severity of each factor.
        show: pairs that it shows as well, under every condition.
        recompute: methods that are computed again whatever is stored of them.
        named_methods: refuse a method that cannot run here, not leave it out (default: where ``methods`` is given).
        report: write tables, curves and page.
        fields: fields of the suite that replace its own. Any list may be one text, with commas: ``methods="ir,vis"``.

    Returns:
        The run, complete or not: failed cells are in its ``failures``. Of several seeds or detectors the last one.

    Raises:
        tsdm_bench.errors.UsageError: what was asked for cannot be run; one line says why and what to do.

    Example:
        >>> import tempfile
        >>> small = {"factors": [], "severities": [0], "metrics": ["en"], "detector": None, "limit": 1}
        >>> with tempfile.TemporaryDirectory() as out:
        ...     result = run("demo", out=out, methods=["vis", "average"], workers=1, panels=0, report=False, **small)
        ...     sorted(result.rows["method"])
        ['average', 'vis']
    """
    from bench.asked import check_names
    from bench.suite import Suite, load_suite

    asked = load_suite(suite if isinstance(suite, Suite) else str(suite), fields)
    root = data_root_of(data_root)
    check_names(asked, root)
    log.info("%s: getting ready", asked.title or asked.name)  # what follows takes seconds to import

    from bench.report import write_report
    from bench.results import RunResult
    from bench.run.flow import run_benchmark
    from bench.run.resolve import Options

    options = Options(
        data_root=root,
        weights_dir=weights_dir_of(weights_dir),
        out=place_of(out),
        device=device,
        workers=workers,
        executor=executor,
        address=address,
        gpu_share=gpu_share,
        batch=batch,
        budget=budget,
        panels=panels,
        show=show,
        named_methods="methods" in fields if named_methods is None else named_methods,
        recompute=recompute,
    )
    folders = [run_benchmark(each, options) for each in asked.each]
    sections = [write_report(folder) for folder in folders] if report else [[]]
    return RunResult(folders[-1], sections[-1])


def repeat(
    record: str | Path, *, data_root: str | Path | None = None, report: bool = True, **settings: Any
) -> RunResult:
    """Run again what the record of a run says, and say in the log what differs on this machine.

    Args:
        record: ``run.json`` of a run folder.
        data_root: folder of the datasets (default: the one of the record, or ``TSDM_BENCH_DATA`` where it is not here).
        report: as for :func:`run`.
        settings: as for :func:`run`, with the places ``weights_dir`` and ``out``.

    Raises:
        tsdm_bench.errors.UsageError: the file is no record, or what it says cannot be run here.
    """
    from bench.report import write_report
    from bench.results import RunResult
    from bench.run.flow import run_benchmark
    from bench.run.record import read_record
    from bench.run.resolve import Options

    before = read_record(place_of(record))
    known = before.parts[-1].data_root if before.parts else ""
    known = known if Path(known).is_dir() else ""
    places = {name: place_of(settings.pop(name, None)) for name in ("weights_dir", "out")}
    options = Options(
        data_root=data_root_of(data_root or known),
        weights_dir=weights_dir_of(places["weights_dir"]),
        out=places["out"] or Path("results"),
        named_methods=True,
        repeats=before,
        **settings,
    )
    folder = run_benchmark(before.asked(), options)
    return RunResult(folder, write_report(folder) if report else ())


def report(
    folder: str | Path,
    *,
    ap: str | None = None,
    classes: str | None = None,
    leaderboard: str | Path | None = None,
    data_root: str | Path | None = None,
    **style: Any,
) -> RunResult:
    """Write tables, curves and page of a run anew from its stored rows.

    Raises ``UsageError`` where ``folder`` is no run folder, or none that a leaderboard takes, or has no such class set.

    Args:
        folder: a run folder.
        ap: the definition of average precision to show and rank by: ``coco``, ``ultralytics`` or ``voc`` (default: as
            the run was asked for).
        classes: the class set of the dataset that the mean is over, or ``counted`` (default: as the run was asked for).
        leaderboard: a folder into which every method of the run is entered as well (:mod:`bench.leaderboard`).
        data_root: the folder of the datasets, in which a published run has its boxes (default: ``TSDM_BENCH_DATA``).
        style: of the LaTeX tables: fields of :class:`bench.report.latex.LatexStyle` (``best``, ``spread``, ``page``).
    """
    from bench.leaderboard import entries, record_of, write_entries
    from bench.report import write_report
    from bench.report.latex import LatexStyle
    from bench.results import RunResult
    from bench.run.store import RunFolder

    found = RunFolder.existing(place_of(folder), place_of(data_root))
    record = None if leaderboard is None else record_of(found)
    sections = write_report(found, LatexStyle(**style), ap=ap, classes=classes)
    if leaderboard is not None and record is not None:
        write_entries(entries(found, record, sections), place_of(leaderboard))
    return RunResult(found, sections)


def fuse(
    method: str,
    ir: str | Path,
    vis: str | Path,
    out: str | Path,
    *,
    weights_dir: str | Path | None = None,
    **settings: Any,
) -> Fused:
    """Fuse two folders of images of the same names: :func:`bench.fusing.fuse_folders`.

    >>> import tempfile
    >>> import numpy as np
    >>> from tsdm_bench.images import write_png
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for name, level in (("ir", 90), ("vis", 30)):
    ...         Path(place, name).mkdir()
    ...         write_png(Path(place, name, "1.png"), np.full((24, 32, 3), level, np.uint8))
    ...     done = fuse("average", f"{place}/ir", f"{place}/vis", f"{place}/out")
    ...     [path.name for path in Path(place, "out").glob("*.png")]
    ['1.png']
    """
    from bench.asked import check_method

    check_method(method)

    from bench.fusing import fuse_folders

    return fuse_folders(
        method, place_of(ir), place_of(vis), place_of(out), weights_dir=weights_dir_of(weights_dir), **settings
    )


def score(
    ir: str | Path | np.ndarray,
    vis: str | Path | np.ndarray,
    fused: str | Path | np.ndarray | Sequence[str | Path] | Mapping[str, str | Path | np.ndarray],
    metrics: str | Sequence[str] = "core",
    **settings: Any,
) -> Scores:
    """Score fused images that exist already: folders, or arrays of one pair (see :func:`bench.scoring.score`).

    >>> import numpy as np
    >>> ramp = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    >>> score(ramp, ramp, ramp, "mse").values["value"].tolist()
    [0.0]
    """
    from bench.asked import check_metrics

    check_metrics(metrics)

    from bench.scoring import score as score_images

    if isinstance(fused, Mapping):
        images = {name: _image(of) for name, of in fused.items()}
        return score_images(_image(ir), _image(vis), images, metrics, **settings)
    if isinstance(fused, Sequence) and not isinstance(fused, str):
        return score_images(_image(ir), _image(vis), [_image(each) for each in fused], metrics, **settings)
    return score_images(_image(ir), _image(vis), _image(fused), metrics, **settings)


def compare(
    runs: Sequence[str | Path], *, shared: bool = False, data_root: str | Path | None = None, **reading: str | None
) -> Comparison:
    """Put runs side by side: :func:`bench.comparison.compare`; ``reading`` are its ``ap`` and ``classes``.

    Raises ``UsageError`` that names in what they differ where they are not alike.
    """
    from bench.comparison import compare as compare_runs

    return compare_runs([place_of(path) for path in runs], shared=shared, data_root=place_of(data_root), **reading)


def degrade(
    suite: str | Path | Suite,
    out: str | Path,
    *,
    data_root: str | Path | None = None,
    workers: int | None = None,
    **fields: Any,
) -> Written:
    """Write the degraded pairs of a suite as PNG, byte for byte what the methods of a run see.

    ``fields`` replace fields of the suite, as in :func:`run`; see :func:`bench.degrading.write_degraded`.
    """
    from bench.asked import check_names
    from bench.suite import Suite, load_suite

    asked = load_suite(suite if isinstance(suite, Suite) else str(suite), fields)
    root = data_root_of(data_root)
    check_names(asked, root)
    if asked.seeds:
        seeds = ", ".join(map(str, asked.seeds))
        raise UsageError(f"suite {asked.name} has the seeds {seeds}, and degraded pairs are of one: name it by --seed")

    from bench.degrading import write_degraded

    return write_degraded(asked, root, place_of(out), workers)


def _image(image: Any) -> Any:
    return place_of(image) if isinstance(image, str) else image


class CallableRoom(ModuleType):
    """A package that bears the name of a function of this module, and can be called like it.

    Importing anything from ``bench.run`` makes ``bench.run`` that package: as a call it stays the function.
    """

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Call the function of this module whose name the package bears."""
        return globals()[self.__name__.rpartition(".")[2]](*arguments, **settings)
