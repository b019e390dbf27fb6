"""`train`: one training run, from lines of text to checkpoints."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from datapath import Alphabet
from datapath.errors import ConfigError, TrainingError
from datapath.text_form import TextForm
from datapath.version import TOOL
from train.checkpoint import Checkpoint, opened
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.data.forms import in_form
from train.data.record import DataRecord
from train.data.training_data import prepare
from train.distributed import Group, connected, distributed_loss, shard_batch, watching
from train.evaluation import evaluate
from train.experiment import LAST, Experiment, new_folder
from train.extension import require_classes, with_new_classes
from train.line_pictures import recognised_lines
from train.model import Recogniser, require_device
from train.reporting import BatchResult, EpochResult, Reporter, RunStart
from train.starting import Pretrained, Start, fresh_start, kept_lines, resumed_folder, start_from
from train.threads import THREADS, computing_threads

NAMED_LINES = 5
"""Most lines of a faulty batch that an error names."""


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a run ended."""

    folder: Path | None  # of the run; None for a dry run, if nothing was left to do, and in other processes than rank 0
    last: Checkpoint  # state at its end
    best: Checkpoint | None  # state with the lowest validation CER of this session; None if no epoch ended
    epochs: tuple[EpochResult, ...]  # results of this session's epochs
    interrupted: bool  # whether SIGINT ended it

    @property
    def resume_from(self) -> Path | None:
        """The checkpoint that a resumption starts from."""
        return None if self.folder is None else self.folder / LAST


def train(
    hyperparameters: Hyperparameters | None,
    dataset: Dataset,
    *,
    experiments: str | os.PathLike | None,
    checkpoint: str | os.PathLike | Checkpoint | None = None,
    policy: Pretrained = Pretrained.RESUME,
    init_bn_fc_fusion: bool = False,
    extend_alphabet: bool = False,
    change_data: bool = False,
    device: str = "cpu",
    threads: int = THREADS,
    group: Group | None = None,
    command: str = "",
    author: str = "",
    reporter: Reporter | None = None,
) -> TrainingResult:
    """Train until `hyperparameters.epochs`, or until SIGINT, which ends the current batch, saves and returns.

    A resumed run has the result of one that was not interrupted, bit for bit (same kind of machine, `threads` and
    number of processes). If all of its epochs are done already, `reporter` gets a message and nothing is written.

    Every process of a `group` calls this with the same arguments; rank 0 writes and reports, and a SIGINT to any of
    them stops all after the same batch.

    :param hyperparameters: None takes those of `checkpoint`, or the defaults without one.
    :param dataset: lines to train and validate on; their texts are brought into the form of the checkpoint's.
    :param experiments: folder in which the run's folder is made; None writes nothing (a dry run).
    :param checkpoint: a checkpoint to start from, or its path.
    :param policy: what is taken from it, see `Pretrained`.
    :param init_bn_fc_fusion: fuse the checkpoint's batch norm into its fully connected layer first.
    :param extend_alphabet: give the checkpoint's network a class for each new character of the training lines; needs RETRAIN.
    :param change_data: whether a resumed run may have other lines than it had before.
    :param device: of torch, e.g. ``cpu`` or ``cuda``.
    :param threads: of torch on the CPU, in each process; see `train.threads`.
    :param group: the processes that share the batches (`train.distributed.torchrun_group`); None is this one alone.
    :param command: the command line, for the provenance.
    :param author: for the provenance.
    :param reporter: gets progress and messages; None ignores them.
    :raises ConfigError: contradicting options, no such device, no thread, processes that do not connect or differ, other
        lines than those of the resumed run.
    :raises FileError: the checkpoint is missing, another process trains in its folder, or something cannot be written.
    :raises CheckpointError: damaged, not fitting the hyperparameters, or not the last one of the run that is resumed.
    :raises DataError: no line to train on, no word to validate on, or a character that the alphabet lacks.
    :raises ImageError: an image cannot be read.
    :raises TrainingError: loss or gradient are not finite (epoch and lines are named), or another process has ended.
    """
    group = (group or Group()).on(device)
    require_device(group.device)
    if reporter is None or not group.is_rank_zero:
        reporter = Reporter()
    writes = experiments is not None and group.is_rank_zero
    folder: Path | None = None
    # The state of the caller's random numbers is restored.
    with computing_threads(threads), torch.random.fork_rng(devices=[]), connected(group), ExitStack() as held:
        if checkpoint is None:
            start = fresh_start(hyperparameters, dataset, fusion=init_bn_fc_fusion, extends=extend_alphabet)
        else:
            checkpoint = opened(checkpoint)
            if writes and policy is Pretrained.RESUME:
                folder = held.enter_context(resumed_folder(checkpoint, hyperparameters))
            dataset = in_form(dataset, TextForm.of(checkpoint.provenance))
            data = DataRecord.of(dataset)
            if policy is Pretrained.RESUME:
                kept_lines(checkpoint, data, change=change_data)  # before messages on their characters
            checkpoint = _with_classes(checkpoint, policy, hyperparameters, dataset, extend=extend_alphabet)
            given = {"fusion": init_bn_fc_fusion, "data": data, "change_data": change_data}
            start = start_from(checkpoint, policy, hyperparameters, **given)
        provenance = {"command": command, "author": author, **_provenance(dataset, group)}
        run = _Run(start, dataset, group=group, provenance=provenance, reporter=reporter)
        torch.set_rng_state(start.rng)
        if start.finished:
            return _nothing_left(run, checkpoint.name)
        if writes and folder is None:
            folder = held.enter_context(new_folder(experiments, str(start.hyperparameters.experiment_name())))
        return _recorded(run, folder)


def _provenance(dataset: Dataset, group: Group) -> dict[str, str]:
    """What the checkpoints of a run say of it, besides its command and its author."""
    known = {"dataset": dataset.name, "tool": TOOL, "torch": str(torch.__version__)} | dataset.form.notes()
    return known | ({"processes": str(group.size)} if group.size > 1 else {})


def _with_classes(
    checkpoint: Checkpoint,
    policy: Pretrained,
    hyperparameters: Hyperparameters | None,
    dataset: Dataset,
    *,
    extend: bool,
) -> Checkpoint:
    """The checkpoint with a class for every character of the training lines; a CheckpointError if it lacks one."""
    texts = [line.text for line in dataset.training]
    if extend and policy is not Pretrained.RETRAIN:
        raise ConfigError("extend_alphabet changes the network, so the run cannot be resumed; use RETRAIN.")
    if extend:
        seed = (hyperparameters or checkpoint.hyperparameters).random_seed
        return with_new_classes(checkpoint, texts, seed=seed)
    require_classes(checkpoint, texts, resumed=policy is Pretrained.RESUME)
    return checkpoint


def _nothing_left(run: _Run, checkpoint: str) -> TrainingResult:
    """The result of a run whose epochs are all done."""
    run.reporter.note(f"Nothing is left to do: {checkpoint} has {run.epoch} of {run.hyperparameters.epochs} epochs.")
    return TrainingResult(folder=None, last=run.checkpoint(), best=None, epochs=(), interrupted=False)


def _recorded(run: _Run, folder: Path | None) -> TrainingResult:
    """Train, and record the run in `folder`."""
    experiment = Experiment(folder, run.hyperparameters, epoch=run.epoch)
    try:
        experiment.log(f"{TOOL}, torch {torch.__version__}: {run.provenance['command'] or 'train()'}")
        if run.group.size > 1:
            experiment.log(f"{run.group.size} processes split every batch")
        for message in run.notes:
            experiment.log(message)
            run.reporter.note(message)
        with watching(run.group):
            return run.go(experiment)
    except TrainingError as error:
        experiment.log(str(error))
        raise


class _Run:
    """The state of a run between two batches, and the steps that change it."""

    def __init__(
        self, start: Start, dataset: Dataset, *, group: Group, provenance: dict[str, str], reporter: Reporter
    ) -> None:
        hp = self.hyperparameters = start.hyperparameters
        self.alphabet: Alphabet = start.alphabet
        self.provenance, self.reporter, self.group = provenance, reporter, group
        self.data = prepare(dataset, start.alphabet, hp)
        self.record = DataRecord.of(dataset)
        self.notes = self.data.notes
        group.require_same(
            {
                "hyperparameters": hp,
                "training lines": [(one.line.name, one.columns, one.labels) for one in self.data.samples],
                "validation lines": [(one.name, one.text) for one in self.data.validation],
                "starting points": (start.epoch, start.batch, start.model.state_dict(), start.optimiser),
            }
        )
        self.model: Recogniser = start.model.to(group.device)
        self.distributed_loss = distributed_loss(self.model, hp, group)
        for parameter in self.model.parameters():
            # Separate gradients: otherwise both biases of a direction share one, which is clipped twice.
            parameter.grad = torch.zeros_like(parameter)
        self.optimiser = _optimiser(self.model, hp)
        if start.optimiser is not None:
            # Only the moments of Adam: the settings are this run's.
            settings = self.optimiser.state_dict()["param_groups"]
            self.optimiser.load_state_dict({"state": start.optimiser["state"], "param_groups": settings})
        self.epoch, self.batch, self.loss_sum = start.epoch, start.batch, start.loss_sum
        self.best_cer, self.best_wer = start.best_cer, start.best_wer

    @property
    def batches_per_epoch(self) -> int:
        return math.ceil(self.data.lines_per_epoch / self.hyperparameters.batch_size)

    def go(self, experiment: Experiment) -> TrainingResult:
        """Train to the last epoch or to an interrupt."""
        self.reporter.started(
            RunStart(
                hyperparameters=self.hyperparameters,
                folder=experiment.folder,
                epoch=self.epoch,
                training_lines=self.data.lines_per_epoch,
                validation_lines=len(self.data.validation),
                classes=len(self.alphabet),
                parameters=sum(parameter.numel() for parameter in self.model.parameters()),
                batches_per_epoch=self.batches_per_epoch,
                training_columns=sum(self.data.samples[index].columns for index in self.data.order(self.epoch)),
                validation_columns=sum(len(pixels) for pixels in self.data.validation_pixels),
            )
        )
        results: list[EpochResult] = []
        best: Checkpoint | None = None
        experiment.save_start(self.checkpoint())
        with _deferred_interrupt(self.reporter.stopping) as interrupted:
            while self.epoch < self.hyperparameters.epochs and not self.group.any(interrupted.is_set()):
                started_at = time.monotonic()
                if not self.train_epoch(interrupted):
                    break
                result = self.close_epoch(started_at)
                checkpoint = self.checkpoint()
                best = checkpoint if result.best_cer else best
                results.append(result)
                experiment.save_epoch(checkpoint, result, self.recognised)
                self.reporter.epoch_done(result)
            last = self.checkpoint()
            stopped = self.group.any(interrupted.is_set())
            if stopped:
                experiment.save_state(last)
                experiment.log(f"interrupted in epoch {self.epoch + 1} after batch {self.batch}")
        return TrainingResult(
            folder=experiment.folder, last=last, best=best, epochs=tuple(results), interrupted=stopped
        )

    def train_epoch(self, interrupted: threading.Event) -> bool:
        """Train the remaining batches of the current epoch; False if an interrupt ended it early."""
        hp = self.hyperparameters
        order = self.data.order(self.epoch)
        self.model.train()
        started_at, lines = time.monotonic(), 0
        done = self.batch * hp.batch_size
        for start in range(done, len(order), hp.batch_size):
            indexes = order[start : start + hp.batch_size]
            self.loss_sum += self.step(indexes)
            self.batch += 1
            lines += len(indexes)
            self.reporter.batch_done(
                BatchResult(
                    epoch=self.epoch + 1,
                    batch=self.batch,
                    batches=self.batches_per_epoch,
                    loss=self.loss_sum / (done + lines),
                    lines_per_second=lines / max(time.monotonic() - started_at, 1e-9),
                    columns=sum(self.data.samples[index].columns for index in indexes),
                )
            )
            if self.group.any(interrupted.is_set()) and self.batch < self.batches_per_epoch:
                return False
        return True

    def step(self, indexes: Sequence[int]) -> float:
        """One step of the optimiser on a batch of samples; its loss, summed over the lines."""
        hp = self.hyperparameters
        samples = [self.data.in_epoch(index, self.epoch) for index in self.group.shard(indexes)]
        self.group.draw_for(hp.random_seed, self.epoch, self.batch)
        loss = self.distributed_loss(shard_batch(samples, self.group, mask_padded=hp.mask_padded))
        value = self.group.sum(loss.item())
        if not math.isfinite(value):
            raise TrainingError(self._diverged("loss", value, indexes))
        self.optimiser.zero_grad(set_to_none=False)
        # Gradients are averaged over the processes; the batch's is their sum.
        (loss * self.group.size / len(indexes)).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), hp.max_norm).item()
        # Before the step, so that no such number gets into the weights or a checkpoint.
        if not math.isfinite(norm):
            raise TrainingError(self._diverged("norm of the gradient", norm, indexes))
        for settings in self.optimiser.param_groups:
            settings["lr"] = hp.learning_rate(self.epoch + self.batch / self.batches_per_epoch)
        self.optimiser.step()
        return value

    def close_epoch(self, started_at: float) -> EpochResult:
        """Validate, update the best error rates, and count the epoch."""
        hp, data, pixels = self.hyperparameters, self.data, self.data.validation_pixels
        evaluation = evaluate(self.model, self.alphabet, data.references, pixels, batch_size=hp.batch_size)
        self.recognised = recognised_lines(data.validation, pixels, evaluation)
        rates = evaluation.overlay_rates if hp.select_by == "OVERLAY" else evaluation.rates
        result = EpochResult(
            epoch=self.epoch + 1,
            loss=self.loss_sum / self.data.lines_per_epoch,
            learning_rate=hp.learning_rate(self.epoch),
            rates=rates,
            greedy=evaluation.rates,
            overlay=evaluation.overlay_rates,
            best_cer=rates.cer < self.best_cer,
            best_wer=rates.wer < self.best_wer,
            seconds=time.monotonic() - started_at,
        )
        self.best_cer, self.best_wer = min(rates.cer, self.best_cer), min(rates.wer, self.best_wer)
        self.epoch, self.batch, self.loss_sum = self.epoch + 1, 0, 0.0
        return result

    def checkpoint(self) -> Checkpoint:
        """A copy of the state."""
        return Checkpoint(
            hyperparameters=self.hyperparameters,
            alphabet=self.alphabet,
            model={name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()},
            optimiser=_copied(self.optimiser.state_dict()),
            epoch=self.epoch,
            batch=self.batch,
            loss_sum=self.loss_sum,
            best_cer=self.best_cer,
            best_wer=self.best_wer,
            rng=torch.get_rng_state(),
            provenance=self.provenance,
            data=self.record,
        )

    def _diverged(self, what: str, value: float, indexes: Sequence[int]) -> str:
        names = [self.data.samples[index].line.name for index in indexes]
        named = ", ".join(names[:NAMED_LINES])
        more = f" and {len(names) - NAMED_LINES} more" if len(names) > NAMED_LINES else ""
        return (
            f"The {what} is {value} in epoch {self.epoch + 1}, batch {self.batch + 1} of {self.batches_per_epoch}, "
            f"with the lines {named}{more}; lower lr or max_norm, and resume from the last checkpoint."
        )


def _optimiser(model: Recogniser, hp: Hyperparameters) -> torch.optim.Optimizer:
    if hp.optimiser == "ADAM":
        return torch.optim.Adam(model.parameters(), lr=hp.lr)
    return torch.optim.AdamW(model.parameters(), lr=hp.lr, weight_decay=hp.weight_decay)


def _copied(state: object) -> object:
    """A copy of a state dict on the CPU, which later steps do not change."""
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [_copied(value) for value in state]
    return state


@contextmanager
def _deferred_interrupt(notify: Callable[[], None]) -> Iterator[threading.Event]:
    """Turn the first SIGINT into an event and a call of `notify`, so that no step is cut in half; the second one interrupts
    at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # which gets no signals
        yield event
        return

    def note(number: int, frame: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)
        notify()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
