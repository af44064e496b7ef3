"""A trained network as numbers and text, and the way to get one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.deep._batches import stopping_split
from radiokit.deep._encoder import Encoder
from radiokit.deep._state import (
    load_state,
    require_safetensors,
    state_to_bytes,
    weights_from_dict,
    weights_to_dict,
)
from radiokit.deep._torch import repeatable, require_torch, resolve_device
from radiokit.deep.settings import Network, Training
from radiokit.exceptions import ExtractionError, InputError, OutcomeError, ParameterError


@dataclass(frozen=True)
class Plan:
    """Everything that says what network is built; JSON's own types."""

    network: Network
    channels: int
    flags: int = 0
    clinical: int = 0
    fusion: str = "concat"

    def build(self) -> Any:
        """Return the network, randomly initialised from torch's generator."""
        from radiokit.deep._scorer import Scorer, Slices

        trunk = self.encoder.build()
        return Scorer(
            Slices(trunk) if self.slices_alone else trunk,
            self.channels,
            flags=self.flags,
            clinical=self.clinical,
            fusion=self.fusion,
            depends_on_company=self.encoder.is_dense,
        )

    @property
    def slices_alone(self) -> bool:
        """Whether the network sees every slice of a crop alone."""
        return self.network.dimension != "3D"

    @property
    def encoder(self) -> Encoder:
        """The network before the head."""
        own = self.network
        return Encoder(own.backbone, self.channels, "2D" if self.slices_alone else "3D", own.stride, own.norm)


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """A trained network: its plan, its weights as bytes, and how training went.

    `offset` is taken from every score, see the targets.
    """

    plan: Plan
    weights: bytes
    offset: float = 0.0
    history: tuple[tuple[float, ...], ...] = ()
    _built: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": {}}

    def module(self, device: Any) -> Any:
        """Return the network with its weights, built once a process and device."""
        torch = require_torch("a trained network")
        if str(device) not in self._built:
            from radiokit.deep._drawing import DrawingFrom

            with DrawingFrom(0), torch.inference_mode(False):  # whatever it is initialised with is replaced
                network = self.plan.build()
            load_state(network, self.weights)
            self._built[str(device)] = network.eval().to(device)
        return self._built[str(device)]

    def score(self, inputs: Any, training: Training) -> NDArray[np.float64]:
        """Score of each case; its company changes no bit of it.

        Raises
        ------
        ExtractionError
            If a score is no number.
        """
        require_torch("predicting with a network")
        from radiokit.deep._train import score

        device = resolve_device(training.device)
        with repeatable(device, threads=training.threads, strict=False):
            found = score(self.module(device), inputs, device, training.batch_size) - self.offset
        wrong = np.flatnonzero(~np.isfinite(found))
        if wrong.size:
            raise ExtractionError(
                f"the network gives {wrong.size} of {len(found)} cases no score (NaN or infinite), the first is "
                f"{inputs.crops.ids[wrong[0]]}: its intensities are far from those of training."
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return itself in JSON's own types."""
        return {"plan": asdict(self.plan), "offset": self.offset, **weights_to_dict(self.weights)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> FittedNetwork:
        """Return the network of `to_dict`; the checksum is compared, nothing is executed."""
        weights = weights_from_dict(raw)
        plan = {**raw["plan"], "network": Network(**raw["plan"]["network"])}
        return cls(Plan(**plan), weights, float(raw["offset"]))


def fit_network(
    plan: Plan,
    inputs: Any,
    loss: Any,
    rows: NDArray[np.intp],
    groups: NDArray[Any],
    about: Any,
    training: Training,
    seed: int,
) -> FittedNetwork:
    """Train a network on some rows; part of their patients stop the training."""
    require_torch("training a network")
    require_safetensors()
    from radiokit.deep._train import Task, Trainer, with_gradients

    device = resolve_device(training.device)
    if training.precision != "float32" and device.type == "cpu":
        raise ParameterError(
            f"precision={training.precision!r} trains on a GPU only: on processors torch computes gradients of "
            "bfloat16 convolutions wrongly (NaN, or other values in every run). Use 'float32'."
        )
    _require_enough(plan, rows, inputs.present[rows])
    require_usable(loss, rows, "training")
    taught, stop = rows, rows[:0]
    if training.patience is not None:
        taught, stop = stopping_split(loss, rows, groups, training.validation, seed)
    _require_enough(plan, taught, inputs.present[taught])
    mean, sd = inputs.crops.scale(taught)

    def build() -> Any:
        network = plan.build()
        network.set_scale(mean, sd)
        return network

    with repeatable(device, threads=training.threads, strict=device.type == "cpu"), with_gradients():
        task, config = Task(inputs, loss, taught, stop, about, seed), f"{plan}|{_deciding(training)}"
        state, history = Trainer(build, task, training, device=device, config=config).run()
    fitted = FittedNetwork(plan, state_to_bytes(state), history=tuple(tuple(row) for row in history))
    return replace(fitted, offset=loss.offset(lambda: fitted.score(inputs.take(taught), training)))


def require_usable(loss: Any, rows: NDArray[np.intp], what: str, mend: str = "") -> None:
    """Raise OutcomeError where a loss cannot be computed of these rows."""
    if not loss.usable(rows):
        raise OutcomeError(f"{what} is left with {loss.lack(rows)}.{mend}")


def _require_enough(plan: Plan, taught: NDArray[Any], present: NDArray[np.float32]) -> None:
    """Raise InputError where a network would train on what does not define it."""
    if taught.size < 2 and plan.network.norm == "batch":
        raise InputError(
            f"{taught.size} case trains the network; required: 2 or more, for batch normalisation needs a variance "
            "(Network(norm='group') does not)."
        )
    never = np.flatnonzero(present.max(axis=0) == 0)
    if never.size:
        raise InputError(
            f"none of {taught.size} training cases has channel {', '.join(map(str, never))} (in the order of the "
            "sequences, from 0): the network could not use it in new cases. Leave the sequence out."
        )


def _deciding(training: Training) -> dict[str, Any]:
    """Return the settings that decide the weights."""
    return {k: v for k, v in vars(training).items() if k not in ("checkpoint", "progress", "groups")}
