"""The training loop: seeded, stopped early by patients who do not train, and resumed exactly where it was killed.

The module imports torch: only code that trains may import it.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radiokit.deep._augment import augment
from radiokit.deep._batches import epoch_steps
from radiokit.deep._drawing import DrawingFrom
from radiokit.deep._inputs import Inputs, Patches
from radiokit.deep._losses import Loss, Rows
from radiokit.deep._scorer import Scorer
from radiokit.deep._torch import computing_in
from radiokit.deep.settings import Training
from radiokit.exceptions import FileError, InputError
from radiokit.utils import atomic_write, regular_file, track
from radiokit.utils.files import ready_folder

State = dict[str, torch.Tensor]
GRADIENT_NORM = 5.0
CHECKPOINT_VERSION = 2
# What torch raises for a checkpoint that is cut off or overwritten.
DAMAGED = (RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile)


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
    """One network to train: data, loss, rows that train and rows that stop the training early, and the seed."""

    inputs: Inputs
    loss: Loss
    train: Rows
    stop: Rows
    patches: Patches
    seed: int

    def key(self, config: str) -> str:
        """Return the name of the checkpoint: a digest of everything that decides the weights."""
        digest = hashlib.sha256(
            f"{CHECKPOINT_VERSION}|{config}|{self.seed}|{self.patches}|{torch.__version__}".encode()
        )
        digest.update(self.inputs.crops.digest())
        for value in [self.inputs.present, self.inputs.clinical, self.train, self.stop, *self.loss.key()]:
            digest.update(
                np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            )
        return digest.hexdigest()[:32]


@contextmanager
def with_gradients() -> Iterator[None]:
    """Compute gradients, also where the caller has switched them off by `no_grad` or `inference_mode`."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield


class Trainer:
    """Trains one network; every random number depends only on the seed, the epoch and the sample.

    `build` returns the network, with random weights from the generator that is set when it is called. `config` is what
    decides the weights besides the task, for the name of the checkpoint.
    """

    def __init__(
        self,
        build: Callable[[], Scorer],
        task: Task,
        settings: Training,
        *,
        device: torch.device,
        config: str,
    ) -> None:
        self.task, self.settings, self.device = task, settings, device
        with DrawingFrom(task.seed):
            network = build()
        self.network = network.to(device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.path = None if settings.checkpoint is None else Path(settings.checkpoint) / f"{task.key(config)}.pt"
        self.progress = self._resumed()

    def run(self) -> tuple[State, list[list[float]]]:
        """Train, and return the best weights, on the CPU, with the history.

        A row of the history is epoch, learning rate, loss in training, and loss in the patients that stop it (or NaN).
        """
        progress, task, settings = self.progress, self.task, self.settings
        left = range(progress.epoch, settings.epochs)
        for epoch in track(left, total=len(left), description="Training", disable=not settings.progress):
            if self._done():
                break
            rate = settings.learning_rate * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = self._epoch(epoch)
            stop = self._stopping_loss() if task.stop.size else math.nan
            progress.history.append([epoch + 1, rate, loss, stop])
            progress.epoch = epoch + 1
            if not task.stop.size or stop < progress.best_loss:
                progress.best_loss, progress.best_epoch = stop, epoch + 1
                if task.stop.size or progress.epoch == settings.epochs or self.path is not None:
                    progress.best = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
            self._keep()
        if not progress.best:
            raise InputError(
                f"the loss of the {task.stop.size} cases that stop the training was never a number in "
                f"{progress.epoch} epochs: training diverged. Lower learning_rate (now {settings.learning_rate:g}), or "
                "look for extreme intensities."
            )
        return progress.best, progress.history

    def _done(self) -> bool:
        patience = self.settings.patience
        waited = self.progress.epoch - self.progress.best_epoch
        return patience is not None and self.task.stop.size > 0 and waited >= patience

    def _epoch(self, epoch: int) -> float:
        self.network.train()
        total, seen = 0.0, 0
        for step in epoch_steps(self.task.loss, self.task.train, self.settings.batch_size, (self.task.seed, epoch)):
            loss = self._gradient(step, epoch)
            steepness = torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
            if not math.isfinite(loss + steepness.item()):
                raise InputError(
                    f"the loss is {loss} and the norm of its gradient {steepness.item()} in epoch {epoch + 1}: "
                    f"training diverged. Lower learning_rate (now {self.settings.learning_rate:g}), or look for "
                    "extreme intensities."
                )
            self.optimizer.step()
            n = sum(batch.size for batch in step)
            total, seen = total + loss * n, seen + n
        return total / seen

    def _gradient(self, step: list[Rows], epoch: int) -> float:
        """Put the gradient of the loss of a step into the parameters, and return the loss.

        A loss that compares cases of several batches is not the sum of their losses. Its gradient in the scores is
        computed from all scores together, and then propagated batch by batch, so that one batch at a time is in memory.
        """
        self.optimizer.zero_grad(set_to_none=True)
        if len(step) == 1:
            loss = self.task.loss(self._scores(step[0], epoch), step[0])
            loss.backward()
            return loss.item()
        buffers = {name: value.clone() for name, value in self.network.named_buffers()}
        with torch.no_grad():
            parts = [self._scores(batch, epoch) for batch in step]
            for name, value in self.network.named_buffers():  # each batch counts once in the running statistics
                value.copy_(buffers[name])
        scores = torch.cat(parts).requires_grad_()
        loss = self.task.loss(scores, np.concatenate(step))
        (slope,) = torch.autograd.grad(loss, scores)
        for batch, part in zip(step, slope.split([batch.size for batch in step]), strict=True):
            self._scores(batch, epoch).backward(part)
        return loss.item()

    def _scores(self, rows: Rows, epoch: int) -> torch.Tensor:
        images, present, clinical = self.task.inputs.tensors(rows, self.device)
        images = self.network.standardise(images, present)
        if self.settings.augmentation is not None:
            seeds: list[tuple[int, ...]] = [(self.task.seed, epoch, int(row)) for row in rows]
            images = augment(images, seeds, self.settings.augmentation, self.task.patches)  # absent ones: see forward
        with computing_in(self.settings.precision, self.device):
            return self.network(images, present, clinical).float()

    def _stopping_loss(self) -> float:
        rows = self.task.stop
        found = score(self.network, self.task.inputs.take(rows), self.device, self.settings.batch_size)
        return float(self.task.loss(torch.from_numpy(found), rows))

    def _resumed(self) -> Progress:
        path = self.path
        if path is None or not path.exists():
            return Progress()
        try:
            saved = torch.load(regular_file(path), map_location="cpu", weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.optimizer.load_state_dict(saved["optimizer"])
            return Progress(**saved["progress"])
        except DAMAGED as error:
            raise FileError(
                f"the checkpoint {path} is damaged ({type(error).__name__}); delete it, and training starts anew."
            ) from error

    def _keep(self) -> None:
        """Write a checkpoint, whole or not at all."""
        if self.path is None:
            return
        content = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        ready_folder(self.path.parent, "checkpoint")
        with atomic_write(self.path) as draft:
            torch.save(content, draft)


def score(network: Scorer, inputs: Inputs, device: torch.device, batch_size: int) -> NDArray[np.float64]:
    """Return the score of each case, computed in batches, the same to the last bit in any batch.

    On a CPU the size of a batch changes the last bit of the matrix product of the head: the head takes one case at a
    time. Convolutions differ only between a batch of one and larger ones: a single case goes in twice. Dense networks
    differ with every size: they take one case at a time.
    """
    network.eval()
    alone = device.type == "cpu" and network.depends_on_batch
    size = 1 if alone else batch_size
    found = []
    with torch.inference_mode(), computing_in("float32", device):
        for start in range(0, len(inputs), size):
            images, present, clinical = inputs.tensors(slice(start, start + size), device)
            images = network.standardise(images, present)
            lone = len(images) == 1 and not alone
            features = network.features(*(v.repeat(2, *[1] * (v.ndim - 1)) if lone else v for v in (images, present)))
            found += [
                network.decide(features[i : i + 1], present[i : i + 1], clinical[i : i + 1]) for i in range(len(images))
            ]
    return torch.cat(found).double().cpu().numpy()
