"""The training loop: epochs of steps, a validation after each, and a checkpoint to go on from."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import yaml
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from fusion.tsdm.training.checkpoints import load_state, read_state
from fusion.tsdm.training.config import StudentConfig, TrainingConfig
from fusion.tsdm.training.data import EpochOrder, Item, Patches, TrainingPair, patch_loader
from fusion.tsdm.training.hardware import ONE_DEVICE, Hardware, hardware_facts, on_gpu, open_fabric
from fusion.tsdm.training.interrupt import stop_flag
from fusion.tsdm.training.log import log_epoch, open_log
from fusion.tsdm.training.resume import BEST, LAST, Progress, checkpoint_to_resume, refuse_begun, write_checkpoint
from fusion.tsdm.training.trainers import NotFinite, StudentTrainer, TeacherTrainer, Trainer
from tsdm_bench.files import write_atomically
from tsdm_bench.words import counted

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

COLLAPSED_EPOCHS = 3
CALMER = "lower optimiser.learning_rate, or train with --precision 32-true"


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
    order = _checked_order(config, len(training), max(hardware.devices, 1))
    checkpoint = checkpoint_to_resume(folder, config) if resume else None
    if not resume:
        refuse_begun(folder)
    fabric = open_fabric(hardware)
    order.rank = fabric.global_rank

    torch.manual_seed(config.seed)
    trainer = _trainer(config, fabric, teacher)
    if initial is not None:
        load_state(trainer.modules["network"], read_state(initial), str(initial))
    average = copy.deepcopy(trainer.modules["network"]).eval().requires_grad_(False)
    state = Progress()
    if checkpoint:
        trainer.restore(checkpoint)
        average.load_state_dict(checkpoint["ema"])
        state = Progress(**checkpoint["progress"])
    on_device = config.data.degrade == "batches" or (config.data.degrade == "auto" and on_gpu(fabric))
    patches = trainer.patches(training, folder, on_device)
    loader = patch_loader(patches, order, pin_memory=on_gpu(fabric))
    items = trainer.validation_items(validation)
    facts = hardware_facts(fabric, hardware) | dict(facts or {})
    folder.mkdir(parents=True, exist_ok=True)

    run = _Run(config, fabric, trainer, average, state, order, patches, folder, facts)
    with run.log() as log, stop_flag() as stop, run.bar(progress_bar) as bar:
        while state.epoch <= config.epochs:
            if not run.train_epoch(loader, bar, stop):
                return Outcome(False, state, fabric.global_rank)
            run.finish_epoch(items, log)
    return Outcome(True, state, fabric.global_rank)


@dataclass
class _Run:
    """What the epochs of one run share."""

    config: TrainingConfig
    fabric: Fabric
    trainer: Trainer
    average: nn.Module
    state: Progress
    order: EpochOrder
    patches: Patches
    folder: Path
    facts: dict[str, Any]

    @property
    def is_main(self) -> bool:
        """Whether this is the process that validates, shows and writes."""
        return self.fabric.global_rank == 0

    def log(self) -> AbstractContextManager[SummaryWriter | None]:
        return open_log(self.folder) if self.is_main else nullcontext()

    def bar(self, shown: bool) -> tqdm:
        total = self.config.epochs * len(self.order)
        hidden = not (shown and self.is_main)
        return tqdm(total=total, initial=self.state.step, unit="step", disable=hidden, dynamic_ncols=True)

    def train_epoch(self, loader: DataLoader, bar: tqdm, stop: threading.Event) -> bool:
        """Train to the end of the epoch; false where ``stop`` was set, with the checkpoint written."""
        state, order = self.state, self.order
        rates = self.trainer.set_learning_rates(state.epoch)
        order.epoch, order.start = state.epoch, state.batch
        self.trainer.modules["network"].train()
        state.epoch_seconds = state.epoch_seconds if state.batch else 0.0
        started = time.perf_counter()
        for batch in loader:
            terms = self._step(self.patches.finished(self.fabric.to_device(batch)))
            state.batch += 1
            state.step += 1
            for name, value in terms.items():
                state.sums[name] = state.sums.get(name, 0.0) + value
            bar.update()
            bar.set_postfix_str(f"epoch {state.epoch}/{self.config.epochs}, loss {terms['total']:.4f}", refresh=False)
            if self.fabric.strategy.reduce_boolean_decision(stop.is_set(), all=False):
                state.spent(time.perf_counter() - started)
                self.save()
                return False
        state.spent(time.perf_counter() - started)
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
            terms = self.trainer.step(batch, self.state.epoch)
        except NotFinite as error:
            raise ValueError(
                f"the loss is not finite at epoch {self.state.epoch}, step {self.state.step + 1} ({error}); "
                f"{self._kept()}: {CALMER}"
            ) from None
        update_average(self.average, self.trainer.modules["network"], self.config.ema_decay, self.state.step)
        return {name: value.item() for name, value in terms.items()}

    def finish_epoch(self, items: list[Item], log: SummaryWriter | None) -> None:
        """Validate the averaged weights, note the epoch, and write the checkpoints."""
        state = self.state
        better, panels = self._validate(items) if items and self.is_main else (True, [])
        if log:
            log_epoch(log, state.history[-1], panels)
        state.epoch, state.batch, state.sums = state.epoch + 1, 0, {}
        self.save()
        if better and self.is_main:
            write_checkpoint(self.folder / BEST, **self._noted())
        self.fabric.barrier()

    def _validate(self, items: list[Item]) -> tuple[bool, list[Tensor]]:
        """Note the validation metrics of the epoch; returns whether it is the best so far, and images to show."""
        state, trainer = self.state, self.trainer
        with torch.no_grad():
            metrics, panels = trainer.validate(self.average, (self.fabric.to_device(item) for item in items))
        value = metrics[trainer.metric]
        if not math.isfinite(value):
            raise ValueError(
                f"validation after epoch {state.epoch} gave {trainer.metric} {value}: the weights have diverged; "
                f"{self._kept()}: {CALMER}"
            )
        better = state.best is None or (value > state.best if trainer.maximise else value < state.best)
        state.best = value if better else state.best
        state.history[-1] |= {f"validation_{name}": value for name, value in metrics.items()}
        self._refuse_collapse()
        return better, panels

    def _refuse_collapse(self) -> None:
        """Stop where the last validations all lie far behind the best one: hours would be spent on nothing."""
        metric, best = self.trainer.metric, self.state.best
        last = [epoch.get(f"validation_{metric}") for epoch in self.state.history[-COLLAPSED_EPOCHS:]]
        behind = [value is not None and far_behind(value, best, self.trainer.maximise) for value in last]
        if len(last) == COLLAPSED_EPOCHS and all(behind):
            raise ValueError(
                f"{COLLAPSED_EPOCHS} epochs on end gave {metric} near {last[-1]:.4g} where the best was {best:.4g}: "
                f"the network has collapsed, and does not recover from that; {self.folder / BEST} holds the best "
                f"epoch: {CALMER}"
            )

    def _kept(self) -> str:
        done = self.state.epoch - 1
        return f"{self.folder / LAST} holds epoch {done}" if done else "no epoch was finished yet"

    def save(self) -> None:
        """Write ``last.pt``: networks, optimisers, averages and progress."""
        if not self.is_main:
            return
        settings = yaml.safe_dump(self.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_atomically(self.folder / "config.yaml", lambda path: path.write_text(settings, encoding="utf-8"))
        write_checkpoint(self.folder / LAST, **self._noted(), **self.trainer.state())

    def _noted(self) -> dict[str, Any]:
        return {
            "config": self.config.model_dump(mode="json"),
            "progress": vars(self.state),
            "facts": self.facts,
            "ema": self.average.state_dict(),
        }


def far_behind(value: float, best: float, maximise: bool) -> bool:
    """Whether a validation metric is so far behind its best that the network is lost: 4 dB of PSNR, or three times the
    loss. A network whose units have died gives one grey for everything.

    >>> far_behind(20.6, 26.4, maximise=True), far_behind(22.5, 26.4, maximise=True)
    (True, False)
    """
    return value < best - 4 if maximise else value > 3 * best > 0


def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network`` by 1 - decay; by more in the first steps, when there is little to average.

    The decay of step s (from 0) is at most (1 + s) / (10 + s).
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), [p.detach() for p in network.parameters()], weight)
        for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
            ours.copy_(theirs)


def _checked_order(config: TrainingConfig, pairs: int, world: int) -> EpochOrder:
    if not pairs:
        raise ValueError(
            f"no training pairs: data.sources {list(config.data.sources)} hold none beyond those kept for validation"
        )
    order = EpochOrder(pairs * config.data.crops_per_pair, config.batch, config.seed, 0, world)
    if not len(order):
        crops = counted(config.data.crops_per_pair, "crop")
        raise ValueError(
            f"{order.count} patches an epoch ({counted(pairs, 'pair')} × {crops}) do not fill a batch "
            f"of {config.batch} on {counted(world, 'device')}; lower batch or raise data.crops_per_pair"
        )
    return order


def _trainer(config: TrainingConfig, fabric: Fabric, teacher: Path | None) -> Trainer:
    if isinstance(config, StudentConfig):
        if teacher is None:
            raise ValueError("training a student needs the weights of a teacher")
        return StudentTrainer(config, fabric, teacher)
    return TeacherTrainer(config, fabric)
