"""Which network, and how it is trained, in three value objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from radiokit.deep._checks import built, require_whole
from radiokit.deep._networks import check_backbone
from radiokit.exceptions import ParameterError
from radiokit.preprocessing.choices import check_setting

PRECISIONS = ("float32", "tf32", "bfloat16")


@dataclass(frozen=True)
class Network:
    """Which network, where its name is not enough.

    Parameters
    ----------
    backbone : str
        As in `build_network`: ``"resnet_small"``, ``"resnet10"``, ..., ``"densenet121"``.
    dimension : {"3D", "2.5D", "2D"}
        Convolutions over the volume, or a 2D network that sees every slice of the crop and whose features are averaged
        over them; ``"2D"`` is the same for crops of one slice.
    stride : int
        Step of the first convolution of a residual network: 2, or 1 for crops of 24 voxels and less.
    norm : {"batch", "group"}
        Normalisation; take ``"group"``, which does not depend on the other cases of a batch, for small batches.

    Raises
    ------
    ParameterError
        If a name is unknown.

    Examples
    --------
    >>> Network("resnet18", dimension="2.5D").stride
    2
    """

    backbone: str = "resnet10"
    dimension: str = "3D"
    stride: int = 2
    norm: str = "batch"

    def __post_init__(self) -> None:
        check_backbone(self.backbone, self.dimension, self.norm)
        check_setting("Network", "stride", self.stride, (1, 2))


@dataclass(frozen=True)
class Augmentation:
    """Random changes of every training patch, drawn anew in every epoch.

    Parameters
    ----------
    flips : str
        Axes along which a patch is mirrored with probability one half: letters out of ``"zyx"``.
    rotation : float
        Largest angle in degrees, about each axis (about z only for slices).
    scale : float
        Largest relative change of size.
    shift : float
        Standard deviation of what is added to a channel, in standard deviations of that channel.
    gain : float
        Standard deviation of the logarithm of what a channel is multiplied by.
    noise : float
        Standard deviation of the noise of each voxel, in standard deviations of its channel.

    Raises
    ------
    ParameterError
        If a value is negative, or an axis unknown.

    Notes
    -----
    The random numbers depend on the seed, the epoch and the sample only: neither the batch nor the device nor a run
    that is stopped and resumed changes them.

    Examples
    --------
    >>> Augmentation(flips="yx").rotation
    10.0
    """

    flips: str = "zyx"
    rotation: float = 10.0
    scale: float = 0.1
    shift: float = 0.1
    gain: float = 0.1
    noise: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.flips, str) or set(self.flips) - set("zyx"):
            raise ParameterError(f"flips is {self.flips!r}; required: letters out of 'zyx', '' for none.")
        for name in ("rotation", "scale", "shift", "gain", "noise"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ParameterError(f"{name} is {value}; required: 0 or more.")
        if self.scale >= 1:
            raise ParameterError(f"scale is {self.scale}; required: below 1 (0.1 is 10 % smaller or larger).")


@dataclass(frozen=True)
class Training:
    r"""How a network is trained.

    Parameters
    ----------
    epochs : int
        Passes over the training patients, at most.
    batch_size : int
        Cases that go through the network together, at most. A step of the survival loss takes several batches where
        events are too rare for one in each; their gradients are added up.
    learning_rate : float
        Of AdamW at the start; it falls to 0 along a half cosine.
    weight_decay : float
        Of AdamW.
    patience : int or None
        Training stops after so many epochs without a smaller loss in the validation patients. None trains on all
        patients for all epochs: take it where patients are too few to spare some, with `epochs` fixed beforehand.
    validation : float
        Share of the patients of `fit` that do not train and decide when training stops, events dealt evenly.
    class_weight : {"balanced", None}
        ``"balanced"``: both classes weigh the same in the loss, for rare events; the probabilities are corrected back
        to the share of events in training. None weighs every case the same.
    ties : {"efron", "breslow"}
        Ties of survival times: Efron's form is the more exact, Breslow's reproduces software that has only this.
    augmentation : Augmentation or None
        Random changes of the training patches.
    groups : str, optional
        Column of X with the patient, where patients have several rows; without it the `groups` of `fit`.
    checkpoint : path, optional
        Folder in which training is kept after every epoch. A `fit` that was killed continues from there and ends with
        the same weights, bit for bit. It may be deleted afterwards.
    device : str
        ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"``.
    precision : {"float32", "tf32", "bfloat16"}
        Of the steps of training on a GPU (automatic mixed precision): weights, losses and predictions stay float32. On
        a CPU it has to be ``"float32"``: torch 2.13's gradients of bfloat16 convolutions are wrong there. float16 is
        not offered, because its gradients vanish without scaling.
    threads : int
        CPU threads. Their number changes the last bits of the weights and thereby all results, so it does not depend on
        the machine. Parallel folds (`n_jobs`) use several cores better.
    {progress}

    Raises
    ------
    ParameterError
        If a value is out of range.

    Examples
    --------
    >>> Training(epochs=20, patience=None).batch_size
    8
    """

    epochs: int = 60
    batch_size: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    patience: int | None = 15
    validation: float = 0.2
    class_weight: str | None = "balanced"
    ties: str = "efron"
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    groups: str | None = None
    checkpoint: str | os.PathLike[str] | None = None
    device: str = "auto"
    precision: str = "float32"
    threads: int = 1
    progress: bool = False

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 2), ("threads", 1)):
            require_whole(name, getattr(self, name), least=least)
        if self.patience is not None:
            require_whole("patience", self.patience, least=1)
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise ParameterError(
                f"learning_rate is {self.learning_rate}, weight_decay {self.weight_decay}; required: positive, and 0 "
                "or more."
            )
        if not 0 < self.validation < 1:
            raise ParameterError(f"validation is {self.validation}; required: a share between 0 and 1.")
        check_setting("Training", "class_weight", self.class_weight, ("balanced", None))
        check_setting("Training", "ties", self.ties, ("efron", "breslow"))
        check_setting("Training", "precision", self.precision, PRECISIONS)


def training_of(values: Mapping[str, Any]) -> Training:
    """Return the training of a mapping, as a file holds it; keys that are not known are refused."""
    augmentation = values.get("augmentation", Augmentation())
    if isinstance(augmentation, Mapping):
        augmentation = built(Augmentation, "augmentation", augmentation)
    return built(Training, "training", {**values, "augmentation": augmentation})
