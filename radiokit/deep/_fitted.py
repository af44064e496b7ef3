"""A trained network as numbers and text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiokit.deep._encoder import Encoder
from radiokit.deep._inputs import Inputs
from radiokit.deep._state import load_state, weights_from_dict, weights_to_dict
from radiokit.deep._torch import repeatable, require_torch, resolve_device
from radiokit.deep.settings import Network, Training
from radiokit.exceptions import ExtractionError

if TYPE_CHECKING:
    import torch

    from radiokit.deep._scorer import Scorer


@dataclass(frozen=True)
class Plan:
    """What network is built; JSON's own types."""

    network: Network
    channels: int
    flags: int = 0
    clinical: int = 0
    fusion: str = "concat"

    def build(self) -> Scorer:
        """Return the network, randomly initialised from torch's generator."""
        from radiokit.deep._scorer import Scorer, Slices

        trunk = self.encoder.build()
        return Scorer(
            Slices(trunk) if self.slices_alone else trunk,
            self.channels,
            flags=self.flags,
            clinical=self.clinical,
            fusion=self.fusion,
            depends_on_batch=self.encoder.is_dense,
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

    `offset` is subtracted from every score, see `Loss.offset`.
    """

    plan: Plan
    weights: bytes
    offset: float = 0.0
    history: tuple[tuple[float, ...], ...] = ()
    _built: dict[str, Scorer] = field(default_factory=dict, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": {}}

    def module(self, device: torch.device) -> Scorer:
        """Return the network with its weights, built once for each process and device."""
        torch = require_torch("a trained network")
        if str(device) not in self._built:
            from radiokit.deep._drawing import DrawingFrom

            with DrawingFrom(0), torch.inference_mode(False):  # whatever it is initialised with is replaced
                network = self.plan.build()
            load_state(network, self.weights)
            self._built[str(device)] = network.eval().to(device)
        return self._built[str(device)]

    def score(self, inputs: Inputs, training: Training) -> NDArray[np.float64]:
        """Return the score of each case, the same to the last bit whatever other cases there are.

        Raises
        ------
        ExtractionError
            If a score is NaN or infinite.
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
