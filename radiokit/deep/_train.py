"""The training loop: seeded, stopped early on patients of its own, and resumed exactly where it was killed.

The module imports torch: only code that trains may import it.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radiokit.deep._augment import Patches, augment
from radiokit.deep._batches import Rows, epoch_batches
from radiokit.deep._losses import Target
from radiokit.deep._settings import Training
from radiokit.deep._torch import computing_in, sound_gradients
from radiokit.exceptions import FileError, InputError
from radiokit.utils import atomic_write, track

State = dict[str, torch.Tensor]
GRADIENT_NORM = 5.0
CHECKPOINT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Inputs:
    """What goes into a network, a row a case: patches, which of their channels are there, clinical numbers."""

    images: NDArray[np.float32]
    present: NDArray[np.float32]
    clinical: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Any) -> Inputs:
        """Return some rows."""
        return Inputs(self.images[rows], self.present[rows], self.clinical[rows])

    def tensors(self, rows: Any, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Rows as tensors on a device."""
        parts = (self.images[rows], self.present[rows], self.clinical[rows])
        images, present, clinical = (torch.from_numpy(np.ascontiguousarray(p)).to(device) for p in parts)
        return images, present, clinical


@dataclass(eq=False)
class Progress:
    """Where training stands after an epoch; the whole of it is in a checkpoint."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    best: State = field(default_factory=dict)
    history: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Task:
    """One network to train: data, outcome, who trains and who stops it, and the seed."""

    inputs: Inputs
    target: Target
    train: Rows
    stop: Rows
    about: Patches
    seed: int

    def key(self, config: str) -> str:
        """Name of the checkpoint: everything that decides the weights."""
        digest = hashlib.sha256(f"{CHECKPOINT_VERSION}|{config}|{self.seed}|{self.about}|{torch.__version__}".encode())
        parts = [self.inputs.images, self.inputs.present, self.inputs.clinical, self.train, self.stop]
        for value in [*parts, *vars(self.target).values()]:
            digest.update(
                np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            )
        return digest.hexdigest()[:32]


def train(
    build: Callable[[], torch.nn.Module], task: Task, settings: Training, *, device: torch.device, config: str
) -> tuple[State, list[list[float]]]:
    """Train a network and return its best weights, on the CPU, with the history.

    Rows of the history are epoch, learning rate, loss in training and in the patients that stop it (NaN without).
    Every random number depends on the seed, the epoch and the sample alone, so that a checkpoint needs no generator.
    """
    with torch.random.fork_rng(devices=_cuda(device)):
        torch.manual_seed(task.seed)
        network = build().to(device)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        path = None if settings.checkpoint is None else Path(settings.checkpoint) / f"{task.key(config)}.pt"
        progress = _resumed(path, network, optimizer)
        left = range(progress.epoch, settings.epochs)
        for epoch in track(left, total=len(left), description="Training", disable=not settings.progress):
            if _done(progress, task, settings):
                break
            rate = settings.learning_rate * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
            for group in optimizer.param_groups:
                group["lr"] = rate
            with sound_gradients(network, task.inputs.images.shape[2], device):
                loss = _epoch(network, optimizer, task, settings, epoch, device)
            stop = _loss(network, task, task.stop, settings.batch_size, device) if task.stop.size else math.nan
            progress.history.append([epoch + 1, rate, loss, stop])
            progress.epoch = epoch + 1
            if not task.stop.size or stop < progress.best_loss:
                progress.best_loss, progress.best_epoch = stop, epoch + 1
                progress.best = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
            _keep(path, network, optimizer, progress)
    return progress.best, progress.history


def _cuda(device: torch.device) -> list[int]:
    return [] if device.type != "cuda" else [device.index or 0]


def _done(progress: Progress, task: Task, settings: Training) -> bool:
    patient = settings.patience is not None and task.stop.size > 0
    return patient and progress.epoch - progress.best_epoch >= (settings.patience or 0)


def _epoch(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    task: Task,
    settings: Training,
    epoch: int,
    device: torch.device,
) -> float:
    network.train()
    torch.manual_seed(int(np.random.SeedSequence([task.seed, epoch]).generate_state(1)[0]))
    total, seen = 0.0, 0
    for batch in epoch_batches(task.target.events[task.train], settings.batch_size, (task.seed, epoch)):
        rows = task.train[batch]
        images, present, clinical = task.inputs.tensors(rows, device)
        images = network.standardise(images, present)  # type: ignore[operator]
        if settings.augmentation is not None:
            seeds: list[tuple[int, ...]] = [(task.seed, epoch, int(row)) for row in rows]
            images = augment(images, seeds, settings.augmentation, task.about)  # absent channels: see forward
        with computing_in(settings.precision, device):
            scores = network(images, present, clinical)
        loss = task.target.loss(scores.float(), rows)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        steepness = torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        if not torch.isfinite(loss + steepness):
            raise InputError(
                f"the loss is {loss.item()} and the norm of its gradient {steepness.item()} in epoch {epoch + 1}: "
                f"training diverged. Lower learning_rate (now {settings.learning_rate:g}), or look for extreme "
                "intensities."
            )
        optimizer.step()
        total, seen = total + loss.item() * rows.size, seen + rows.size
    return total / seen


def _loss(network: torch.nn.Module, task: Task, rows: Rows, batch_size: int, device: torch.device) -> float:
    scores = score(network, task.inputs.take(rows), device, batch_size)
    return float(task.target.loss(torch.from_numpy(scores), rows))


def score(network: torch.nn.Module, inputs: Inputs, device: torch.device, batch_size: int = 1) -> NDArray[np.float64]:
    """Score of each case. One case at a time by default: then its score cannot depend on its company."""
    network.eval()
    found = []
    with torch.inference_mode(), computing_in("float32", device):
        for start in range(0, len(inputs), batch_size):
            images, present, clinical = inputs.tensors(slice(start, start + batch_size), device)
            images = network.standardise(images, present)  # type: ignore[operator]
            found.append(network(images, present, clinical).double().cpu().numpy())
    return np.concatenate(found)


def _resumed(path: Path | None, network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    if path is None or not path.is_file():
        return Progress()
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        return Progress(**saved["progress"])
    except (
        RuntimeError,
        KeyError,
        TypeError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise FileError(
            f"the checkpoint {path} is damaged ({type(error).__name__}); delete it, and training starts anew."
        ) from error


def _keep(path: Path | None, network: torch.nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write a checkpoint, whole or not at all."""
    if path is None:
        return
    content = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": vars(progress),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"the checkpoint folder {path.parent} cannot be written ({error.strerror}).") from error
    with atomic_write(path) as draft:
        torch.save(content, draft)
