"""The training loop: Fabric for devices and precision, checkpoints that appear whole, runs that can be resumed."""

from __future__ import annotations

import copy
import math
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import yaml
from torch import nn
from tqdm import tqdm

from fusion.tsdm.training.checkpoints import export, load_state, read_state
from fusion.tsdm.training.config import KINDS, StudentConfig, TrainingConfig
from fusion.tsdm.training.data import EpochOrder, Item, Patches, TrainingPair, patch_loader, validation_items
from fusion.tsdm.training.recipes import NotFinite, Recipe, StudentRecipe, TeacherRecipe
from tsdm_bench.errors import words_of

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

FORMAT = 1
LAST, BEST = "last.pt", "best.pt"
SHOWN_PANELS = 4
MAY_CHANGE = ("epochs", "data.workers")
"""Settings that a resumed run may change: they alter neither a patch nor a step."""

CALMER = "lower optimiser.learning_rate, or train with --precision 32-true"
EXTRA = "training needs the packages of the extra `train`: pip install 'tsdm-bench[train]'"


class Hardware(NamedTuple):
    """Where to train, in the words of Lightning Fabric."""

    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"


ONE_DEVICE = Hardware()


@dataclass
class Progress:
    """How far a run has come: the next batch is number ``batch`` (from 0) of epoch ``epoch`` (from 1)."""

    epoch: int = 1
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    """Sums of the loss terms over the batches of the epoch so far."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Mean loss terms and validation metrics of each finished epoch."""
    best: float | None = None


class Outcome(NamedTuple):
    """``finished`` is false where the run was stopped by Ctrl-C; it can be resumed. Rank 0 is the main process."""

    finished: bool
    progress: Progress
    rank: int


def train(
    config: TrainingConfig,
    training: Sequence[TrainingPair],
    validation: Sequence[TrainingPair],
    folder: Path,
    *,
    resume: bool = False,
    hardware: Hardware = ONE_DEVICE,
    teacher: Path | None = None,
    initial: Path | None = None,
    facts: Mapping[str, Any] | None = None,
    progress_bar: bool = True,
) -> Outcome:
    """Train on ``training`` pairs into ``folder``, or go on from the checkpoint there with ``resume``.

    After each epoch the folder holds ``last.pt`` (everything needed to go on), ``best.pt`` (the averaged weights of the
    best epoch so far) and TensorBoard files. A student needs ``teacher``, the weights that make its targets.
    Training starts from ``initial`` where it is given. ``facts`` are noted in the checkpoints for the model card.

    Raises ``ValueError`` for settings that do not fit the data or the checkpoint and for a loss that is not finite;
    ``FileNotFoundError`` where there is nothing to resume.
    """
    folder = Path(folder)
    world = max(hardware.devices, 1)
    order = _checked_order(config, len(training), world)
    checkpoint = _checkpoint_to_resume(folder, config) if resume else _none_at(folder)
    fabric = _fabric(hardware)
    order.rank = fabric.global_rank

    torch.manual_seed(config.seed)
    recipe = _recipe(config, fabric, teacher)
    if initial is not None:
        load_state(recipe.modules["network"], read_state(initial), str(initial))
    average = copy.deepcopy(recipe.modules["network"]).eval().requires_grad_(False)
    state = Progress()
    if checkpoint:
        _restore(checkpoint, recipe, average)
        state = Progress(**checkpoint["progress"])
    patches = Patches(training, config.data, config.seed, recipe.degradation)
    loader = patch_loader(patches, order, pin_memory=fabric.device.type == "cuda")
    items = validation_items(validation, config.data, config.seed, recipe.degradation)
    noted = _hardware_facts(fabric, hardware) | dict(facts or {})
    folder.mkdir(parents=True, exist_ok=True)

    run = _Run(config, fabric, recipe, average, state, order, folder, noted)
    with _writer(folder, fabric) as writer, _stop_flag() as stop, run.bar(progress_bar) as bar:
        while state.epoch <= config.epochs:
            if not run.train_epoch(loader, bar, stop):
                return Outcome(False, state, fabric.global_rank)
            run.finish_epoch(items, writer)
    return Outcome(True, state, fabric.global_rank)


@dataclass
class _Run:
    """What the epochs of one run share."""

    config: TrainingConfig
    fabric: Fabric
    recipe: Recipe
    average: nn.Module
    state: Progress
    order: EpochOrder
    folder: Path
    facts: dict[str, Any]

    def bar(self, shown: bool) -> tqdm:
        total = self.config.epochs * len(self.order)
        hidden = not shown or self.fabric.global_rank > 0
        return tqdm(total=total, initial=self.state.step, unit="step", disable=hidden, dynamic_ncols=True)

    def train_epoch(self, loader: torch.utils.data.DataLoader, bar: tqdm, stop: threading.Event) -> bool:
        """Train to the end of the epoch; false where ``stop`` was set, with the checkpoint written."""
        state, order = self.state, self.order
        rates = self.recipe.set_learning_rates(state.epoch)
        order.epoch, order.start = state.epoch, state.batch
        self.recipe.modules["network"].train()
        started = time.perf_counter()
        for batch in loader:
            terms = self._step({name: value.to(self.fabric.device) for name, value in batch.items()})
            state.batch += 1
            state.step += 1
            for name, value in terms.items():
                state.sums[name] = state.sums.get(name, 0.0) + value
            bar.update()
            bar.set_postfix_str(f"epoch {state.epoch}/{self.config.epochs}, loss {terms['total']:.4f}", refresh=False)
            if self.fabric.strategy.reduce_boolean_decision(stop.is_set(), all=False):
                state.seconds += time.perf_counter() - started
                self.save()
                return False
        state.seconds += time.perf_counter() - started
        state.history.append(
            {"epoch": state.epoch}
            | {name: value / state.batch for name, value in state.sums.items()}
            | {f"rate_{name}": rate for name, rate in rates.items()}
        )
        return True

    def _step(self, batch: Item) -> dict[str, float]:
        # Stochastic depth draws from here: a function of the step alone, so that a resumed run draws the same.
        torch.manual_seed((self.config.seed * 2**32 + self.state.step) * self.order.world + self.order.rank)
        try:
            terms = self.recipe.step(batch, self.state.epoch)
        except NotFinite as error:
            raise ValueError(
                f"the loss is not finite at epoch {self.state.epoch}, step {self.state.step + 1} ({error}); "
                f"{self._kept()}: {CALMER}"
            ) from None
        update_average(self.average, self.recipe.modules["network"], self.config.ema_decay, self.state.step)
        return {name: value.item() for name, value in terms.items()}

    def finish_epoch(self, items: list[Item], writer: SummaryWriter | None) -> None:
        """Validate the averaged weights, note the epoch, and write the checkpoints."""
        state, better = self.state, True
        epoch = state.history[-1]
        if items and self.fabric.global_rank == 0:
            with torch.no_grad():
                on_device = ({name: value.to(self.fabric.device) for name, value in item.items()} for item in items)
                metrics, panels = self.recipe.validate(self.average, on_device)
            value = metrics[self.recipe.metric]
            if not math.isfinite(value):
                raise ValueError(
                    f"validation after epoch {state.epoch} gave {self.recipe.metric} {value}: the weights have "
                    f"diverged; {self._kept()}: {CALMER}"
                )
            better = state.best is None or (value > state.best if self.recipe.maximise else value < state.best)
            state.best = value if better else state.best
            epoch |= {f"validation_{name}": value for name, value in metrics.items()}
            if writer:
                for i, panel in enumerate(panels[:SHOWN_PANELS]):
                    writer.add_image(f"validation/{i}", panel, state.epoch)
        if writer:
            for name, value in epoch.items():
                if name != "epoch":
                    writer.add_scalar(name.replace("_", "/", 1) if "_" in name else f"train/{name}", value, state.epoch)
            writer.flush()
        state.epoch, state.batch, state.sums = state.epoch + 1, 0, {}
        self.save()
        if better and self.fabric.global_rank == 0:
            save_atomically(self._noted() | {"ema": self.average.state_dict()}, self.folder / BEST)
        self.fabric.barrier()

    def _kept(self) -> str:
        done = self.state.epoch - 1
        return f"{self.folder / LAST} holds epoch {done}" if done else "no epoch was finished yet"

    def save(self) -> None:
        """Write ``last.pt``: networks, optimisers, averages and progress."""
        if self.fabric.global_rank > 0:
            return
        (self.folder / "config.yaml").write_text(
            yaml.safe_dump(self.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        )
        recipe = self.recipe
        save_atomically(
            self._noted()
            | {
                "modules": {name: module.state_dict() for name, module in recipe.modules.items()},
                "optimisers": {name: optimiser.state_dict() for name, optimiser in recipe.optimisers.items()},
                "ema": self.average.state_dict(),
            },
            self.folder / LAST,
        )

    def _noted(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json"),
            "progress": vars(self.state),
            "facts": self.facts,
        }


def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network`` by 1 - decay; by more in the first steps, when there is little to average.

    The decay of step s (from 0) is at most (1 + s) / (10 + s).
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), [p.detach() for p in network.parameters()], weight)
        for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
            ours.copy_(theirs)


def save_atomically(content: Mapping[str, Any], path: Path) -> None:
    """``torch.save`` to a temporary name, flush to disk, then rename: ``path`` is whole at any moment."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as stream:
        torch.save(dict(content), stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint that :func:`train` wrote; raises ``ValueError`` for any other file."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        if checkpoint["format"] != FORMAT:
            raise ValueError(f"format {checkpoint['format']}")
    except FileNotFoundError:
        raise FileNotFoundError(f"no checkpoint at {path}; train without --resume first, or name another") from None
    except Exception as error:  # a file of another kind can fail in any way
        raise ValueError(f"{path} is no training checkpoint of this version ({words_of(error, 120)})") from None
    return checkpoint


def export_checkpoint(path: Path, target: Path, half: bool = False) -> None:
    """Write the averaged weights of a training checkpoint to ``target`` (safetensors), and its model card beside it."""
    checkpoint = read_checkpoint(path)
    config, progress = checkpoint["config"], checkpoint["progress"]
    epoch = progress["history"][-1] if progress["history"] else {}
    data = config["data"]
    card = {
        "network": f"TSDM-Fusion {config['kind']}, weights averaged with decay {config['ema_decay']}"
        + (", rounded to float16" if half else ""),
        "epoch": f"{epoch.get('epoch', 0)} of {config['epochs']}",
        "steps": f"{progress['step']} of batch {config['batch']}",
        "patch": f"{data['patch'][0]}×{data['patch'][1]}, {data['crops_per_pair']} a pair and epoch"
        + (", mirrored at random" if data["flips"] else "")
        + (", colour channels swapped at random" if data.get("permute_colours") else ""),
        "schedule": ", ".join(f"{name} {value}" for name, value in config["optimiser"].items()),
        "loss": ", ".join(f"{name} {value}" for name, value in config["loss"].items()),
        "training time": f"{progress['seconds'] / 3600:.2f} h",
        "seed": config["seed"],
        **({"started from": config["initial"]} if config.get("initial") else {}),
        **checkpoint["facts"],
        "Metrics on the validation pairs": [
            {"metric": name.removeprefix("validation_"), "value": f"{value:.4f}"}
            for name, value in epoch.items()
            if name.startswith("validation_")
        ],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    export(checkpoint["ema"], target, half=half, card={name: value for name, value in card.items() if value != []})


def _checked_order(config: TrainingConfig, pairs: int, world: int) -> EpochOrder:
    if not pairs:
        raise ValueError(
            f"no training pairs: data.sources {list(config.data.sources)} hold none beyond those kept for validation"
        )
    order = EpochOrder(pairs * config.data.crops_per_pair, config.batch, config.seed, 0, world)
    if not len(order):
        raise ValueError(
            f"{order.count} patches an epoch ({pairs} pairs × {config.data.crops_per_pair} crops) do not fill a batch "
            f"of {config.batch} on {world} device(s); lower batch or raise data.crops_per_pair"
        )
    return order


def _none_at(folder: Path) -> None:
    if (folder / LAST).exists():
        raise ValueError(f"{folder} already holds a training run; add --resume to go on with it, or name another --out")


def _checkpoint_to_resume(folder: Path, config: TrainingConfig) -> dict[str, Any]:
    checkpoint = read_checkpoint(folder / LAST)
    before = _flat(KINDS[checkpoint["config"]["kind"]](**checkpoint["config"]).model_dump(mode="json"))
    now = _flat(config.model_dump(mode="json"))
    changed = [
        f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in before | now
        if before.get(name) != now.get(name) and name not in MAY_CHANGE
    ]
    if changed:
        raise ValueError(
            f"{folder} was trained with other settings ({'; '.join(changed)}); only {', '.join(MAY_CHANGE)} may change "
            f"on --resume: restore them, or name another --out"
        )
    return checkpoint


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _fabric(hardware: Hardware) -> Fabric:
    try:
        from lightning.fabric import Fabric
        from lightning.fabric.strategies import DDPStrategy
    except ImportError:
        raise ValueError(EXTRA) from None
    # Batch statistics differ between processes, and the discriminator runs twice before its gradients are exchanged.
    strategy = DDPStrategy(broadcast_buffers=False) if hardware.devices > 1 else "auto"
    try:
        fabric = Fabric(
            accelerator=hardware.accelerator, strategy=strategy, devices=hardware.devices, precision=hardware.precision
        )
        fabric.launch()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{hardware}: {words_of(error)}") from None
    return fabric


def _recipe(config: TrainingConfig, fabric: Fabric, teacher: Path | None) -> Recipe:
    if isinstance(config, StudentConfig):
        if teacher is None:
            raise ValueError("training a student needs the weights of a teacher")
        return StudentRecipe(config, fabric, teacher)
    return TeacherRecipe(config, fabric)


def _restore(checkpoint: Mapping[str, Any], recipe: Recipe, average: nn.Module) -> None:
    """Put a checkpoint back; a discriminator that it does not have yet starts afresh."""
    for name, state in checkpoint["modules"].items():
        recipe.modules[name].load_state_dict(state)
        recipe.optimisers[name].load_state_dict(checkpoint["optimisers"][name])
    average.load_state_dict(checkpoint["ema"])


def _hardware_facts(fabric: Fabric, hardware: Hardware) -> dict[str, Any]:
    if fabric.device.type == "cuda":
        name = torch.cuda.get_device_name(fabric.device)
    else:
        name = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    return {
        "hardware": f"{fabric.world_size} × {name}, precision {hardware.precision}",
        "software": f"Python {sys.version.split()[0]}, PyTorch {torch.__version__}",
    }


@contextmanager
def _writer(folder: Path, fabric: Fabric) -> Iterator[SummaryWriter | None]:
    if fabric.global_rank > 0:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ValueError(EXTRA) from None
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        yield writer


@contextmanager
def _stop_flag() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one interrupts as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
