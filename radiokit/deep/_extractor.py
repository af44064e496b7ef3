"""Deep features: crops of segmented images through a frozen network, as a transformer of case tables."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from radiokit.deep._checks import require_whole
from radiokit.deep._crops import CropTask, DeepOptions
from radiokit.deep._encoder import Encoder
from radiokit.deep._frames import CropShape
from radiokit.deep._frozen import PRECISIONS, Backbone, FrozenStep
from radiokit.deep._networks import check_backbone, layer_names
from radiokit.deep._patches import check_intensities
from radiokit.deep._torch import require_torch
from radiokit.deep._weights import WeightsLike, as_weights
from radiokit.deep.case import read_on_one_grid
from radiokit.exceptions import DataWarning, ParameterError
from radiokit.io.case_extractor import CaseExtractor, ExtractorWork
from radiokit.io.reading import ImageLike, MaskLike, Reading
from radiokit.preprocessing.choices import check_setting
from radiokit.utils import Limits

POOLINGS = ("global", "masked")
CELLS = "cells over their voxels"  # how masked pooling weighs; part of what names a result
NEEDED_FOR = "DeepFeatureExtractor"


class DeepFeatureExtractor(CaseExtractor):
    """Features of segmented images from a frozen network, as a scikit-learn transformer of case tables.

    Parameters
    ----------
    backbone : str
        Network, one of `build_network`.
    weights : path, str, torch.nn.Module, Weights or None
        Where its weights come from: a file, another network, ``Weights("hf:org/repo@commit#file", sha256="...")``.
        Nothing else is ever downloaded. None: random weights, with a warning.
    dimension : {"3D", "2.5D", "2D"}
        A volume; three slices as channels; or the slice with the largest cross-section, as three equal channels. 3D
        uses all of the crop; 2.5D and 2D suit networks that were trained on pictures, and thick slices.
    patch_size : tuple of 3 int
        Voxels of the crop around the region, (z, y, x); slices take the last two.
    spacing : tuple of 3 float
        mm between them, (z, y, x).
    window : (float, float), "zscore" or None
        Intensities, as in `patch`: cut and scaled to 0...1, standardised within the crop, or as they are.
    layer : str, optional
        Stage of the network whose maps are pooled, one of `layer_names`. None is the last one.
    pooling : {"global", "masked"}
        Mean over the whole map, or over the region: each cell of the map counts with its share of region.
    device : str
        ``"auto"`` (the GPU where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    batch_size : int
        Crops that go through the network at once; it changes the speed, and values by rounding only.
    precision : {"float32", "tf32", "bfloat16", "float16"}
        Of the computation. ``"bfloat16"`` moves features by up to about one percent of the largest, and is faster on
        GPUs and on processors that have it; ``"tf32"`` and ``"float16"`` are for GPUs.
    options : DeepOptions, optional
        What is rarely changed: regions larger than the crop, planes of 2.5D, standardisation, background, stride.
    random_state : int
        Seed of random weights.
    {n_jobs}
        The workers read and crop while the network computes.
    {on_error} {cache} {limits} {progress}

    Notes
    -----
    The extractor learns nothing from the cases: `fit` only checks the settings and that the weights fit. Columns are
    ``deep_<backbone>_<k>``, with ``-<layer>``, ``-masked`` and ``-2.5D`` or ``-2D`` after the backbone where these
    are not the defaults, so that the tables of two extractors can be joined.

    Pretrained weights expect the spacing, the window and the standardisation they were trained with; these are not
    stored in the file. The public cancer foundation model (doi 10.1038/s42256-024-00807-9): ``backbone="foundation"``,
    50 voxels of 1 mm along each axis, ``window=(-1024, 2048)``.

    Examples
    --------
    >>> import warnings
    >>> values = np.arange(32.0**3).reshape(32, 32, 32)
    >>> extractor = DeepFeatureExtractor(backbone="resnet_small", patch_size=(16, 16, 16), window="zscore")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # random weights: features are random projections
    ...     row = extractor.extract_case(values, values > 31000, spacing=(1, 1, 1))
    >>> len(row), row.index[0]
    (128, 'deep_resnet_small_0')
    """

    def __init__(
        self,
        *,
        backbone: str = "resnet18",
        weights: WeightsLike = None,
        dimension: str = "3D",
        patch_size: Sequence[int] = (48, 48, 48),
        spacing: Sequence[float] = (1.0, 1.0, 1.0),
        window: tuple[float, float] | str | None = "zscore",
        layer: str | None = None,
        pooling: str = "global",
        device: str = "auto",
        batch_size: int = 8,
        precision: str = "float32",
        options: DeepOptions | None = None,
        random_state: int = 0,
        n_jobs: int | None = None,
        on_error: str = "raise",
        cache: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        progress: bool = False,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.dimension = dimension
        self.patch_size = patch_size
        self.spacing = spacing
        self.window = window
        self.layer = layer
        self.pooling = pooling
        self.device = device
        self.batch_size = batch_size
        self.precision = precision
        self.options = options
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.cache = cache
        self.limits = limits
        self.progress = progress

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Check the settings, and that the weights fit; nothing is learnt from the cases.

        Parameters
        ----------
        {X_unused} {y_unused}

        Returns
        -------
        DeepFeatureExtractor
            This object.

        Raises
        ------
        MissingDependencyError
            If torch or MONAI is not installed, with the line that installs them.
        FileError
            If weights are damaged, are not the file that was meant, or do not fit.
        ParameterError
            If a setting is not as above.
        """
        step = self._step()
        require_torch(NEEDED_FOR)
        _ = step.place, step.trunk
        return self

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns, known before any case is read, and without torch.

        Parameters
        ----------
        {input_features}

        Returns
        -------
        ndarray of str
            One name for each column.

        Examples
        --------
        >>> DeepFeatureExtractor(backbone="densenet121", pooling="masked").get_feature_names_out()[-1]
        'deep_densenet121-masked_1023'
        """
        return np.array(self._step().names, dtype=object)

    def _work(self) -> ExtractorWork:
        step = self._step()
        require_torch(NEEDED_FOR)
        self._warn_if_random()
        return ExtractorWork(self._task(), step.names, self._settings(step), finish=step, description="Deep features")

    def extract_case(
        self, image: ImageLike, mask: MaskLike, *, label: int | None = None, spacing: Sequence[float] | None = None
    ) -> pd.Series:
        """Extract the features of one image and mask.

        Parameters
        ----------
        {any_image} {any_mask} {label} {array_spacing}

        Returns
        -------
        Series
            One value for each feature.

        Raises
        ------
        MissingDependencyError
            If torch or MONAI is not installed, with the line that installs them.
        GeometryError, MaskError, InputError
            As `patch`, and where image and mask do not share one grid.
        ExtractionError
            If the network gives values that are not finite.
        """
        step = self._step()
        require_torch(NEEDED_FOR)
        self._warn_if_random(stacklevel=3)
        task = self._task()
        ready = task.crop(*read_on_one_grid(image, mask, Reading(label=label, spacing=spacing)))
        found = step([ready.payload])[0]
        if isinstance(found, Exception):
            raise found
        return pd.Series(found, dtype=float)

    def _task(self) -> CropTask:
        """Return the first step, which reads and crops a case, after checks."""
        options = self._options()
        check_intensities(self.window, options.background)
        shape = CropShape(self.patch_size, self.spacing, self.dimension, options.planes, options.too_large)  # type: ignore[arg-type]
        window = tuple(self.window) if isinstance(self.window, list) else self.window
        return CropTask(shape, window, options.background, self.pooling == "masked")

    def _options(self) -> DeepOptions:
        options = DeepOptions() if self.options is None else self.options
        if not isinstance(options, DeepOptions):
            raise ParameterError(f"options={self.options!r}; required: DeepOptions(...), or None.")
        return options

    def _step(self) -> FrozenStep:
        """Return the second step after checks; it builds its network when the first batch comes."""
        options, shape = self._options(), self._task().shape
        smallest = check_backbone(self.backbone, self.dimension).smallest
        layers = layer_names(self.backbone)
        layer = layers[-1] if self.layer is None else self.layer
        check_setting("", "layer", layer, layers)
        check_setting("", "pooling", self.pooling, POOLINGS)
        check_setting("", "precision", self.precision, PRECISIONS)
        require_whole("batch_size", self.batch_size, least=1)
        require_whole("random_state", self.random_state, least=0)
        if min(shape.size if self.dimension == "3D" else shape.size[1:]) < smallest:
            raise ParameterError(
                f"patch_size={self.patch_size!r}; {self.backbone} needs {smallest} voxels along each axis."
            )
        if options.mean is not None and len(options.mean) == 3 and self.dimension == "3D":
            raise ParameterError("mean and sd of DeepOptions have 3 numbers; a 3D crop has one channel.")
        # Slices are channels; one slice is given three times, as networks of colour pictures expect it.
        channels, kind = (1, "3D") if self.dimension == "3D" else (3, "2D")
        encoder = Encoder(self.backbone, channels, kind, options.stride)
        prefix = self._prefix(None if layer == layers[-1] else layer)
        return FrozenStep(
            Backbone(encoder, layer, as_weights(self.weights), self.random_state),
            names=tuple(f"{prefix}_{k}" for k in range(encoder.stage(layer).channels)),
            size=self.batch_size,
            device=self.device,
            precision=self.precision,
            mean=options.mean,
            sd=options.sd,
        )

    def _prefix(self, layer: str | None) -> str:
        """Return how the names of the columns begin: the backbone, and what is not the default."""
        parts = [f"deep_{self.backbone}"]
        parts += [] if layer is None else [layer.removeprefix("features.")]
        parts += ["masked"] if self.pooling == "masked" else []
        parts += [] if self.dimension == "3D" else [self.dimension]
        return "-".join(parts)

    def _settings(self, step: FrozenStep) -> str:
        """Return everything that decides a value as text: part of the name of a cached result."""
        weights, options = step.backbone.weights, self._options()
        content = f"random {step.backbone.seed}" if weights is None else weights.digest()
        network = (CELLS, step.backbone.encoder, step.backbone.layer, content, options.mean, options.sd)
        return repr((self._task(), network, step.place.type, self.precision, require_torch().__version__))

    def _warn_if_random(self, stacklevel: int = 4) -> None:
        if self.weights is None:
            warnings.warn(
                f"weights=None: {self.backbone} has random weights (random_state={self.random_state}), so its features "
                "are random projections of the crop. Give pretrained weights.",
                DataWarning,
                stacklevel=stacklevel,
            )
