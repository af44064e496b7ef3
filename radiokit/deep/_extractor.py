"""Deep features: crops of segmented images through a frozen network, as a transformer of case tables."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd

from radiokit.deep._crops import CropTask, DeepOptions
from radiokit.deep._encoder import Encoder
from radiokit.deep._frozen import PRECISIONS, Backbone, FrozenStep
from radiokit.deep._networks import check_backbone, layer_names
from radiokit.deep._patches import check_settings
from radiokit.deep._torch import require_torch
from radiokit.deep._weights import as_weights
from radiokit.deep.case import read_pair
from radiokit.exceptions import DataWarning, FileError, ParameterError
from radiokit.io.case_rows import case_key, case_table, table_of_files
from radiokit.utils import Extraction, ExtractionFile, Limits, run_cases, run_cases_to
from radiokit.utils.transformer import CaseTransformer

POOLINGS = ("global", "masked")
CELLS = "cells over their voxels"  # how masked pooling weighs; part of what names a result
NEEDED_FOR = "DeepFeatureExtractor"


class DeepFeatureExtractor(CaseTransformer):
    """Features of segmented images from a frozen network, as a scikit-learn transformer of case tables.

    Parameters
    ----------
    backbone : str
        Network, one of `build_network`.
    weights : path, str, torch.nn.Module, Weights or None
        Where its weights come from: a file, another network, ``Weights("hf:org/repo@commit#file", sha256="...")``.
        Nothing else is ever downloaded. None: random weights, with a warning.
    dimension : {"3D", "2.5D", "2D"}
        A volume; three slices as channels; the slice with the largest cross-section, thrice.
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
    n_jobs : int, optional
        joblib workers that read and crop while the network computes; never changes a value.
    on_error : {"raise", "nan"}
        Stop with the first case that fails, or keep its row as NaN and record it in `Extraction.failures`.
    cache : path, optional
        Folder of finished cases: a run that was killed goes on where it was.
    limits : Limits, optional
        Seconds and memory for reading and cropping each case.
    progress : bool
        Show a bar on standard error.

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
        weights: Any = None,
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
        X : DataFrame, optional
            Case table; not looked at.
        y : object, optional
            Not looked at.

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
        """Names of the columns, known before any case is seen, and without torch.

        Parameters
        ----------
        input_features : object, optional
            Not looked at; scikit-learn passes it.

        Returns
        -------
        ndarray of str
            One name a column.

        Examples
        --------
        >>> DeepFeatureExtractor(backbone="densenet121", pooling="masked").get_feature_names_out()[-1]
        'deep_densenet121-masked_1023'
        """
        return np.array(self._step().names, dtype=object)

    def extract(self, cases: Any) -> Extraction:
        """Extract the features of each case, with what failed and where every row comes from.

        Parameters
        ----------
        cases : DataFrame or path
            A row a case: columns ``image`` and ``mask`` (paths, volumes or SimpleITK images) and, where masks hold
            several labels, ``label``; the index is the case id. A path, and any other table, goes through
            `radiokit.io.read_cases`.

        Returns
        -------
        Extraction
            Features, failures and provenance: ``crop_fill`` is the extent of the region in the crop, above 1 where the
            region is larger.

        Raises
        ------
        MissingDependencyError
            If torch or MONAI is not installed, with the line that installs them.
        CaseTableError
            If the table lacks columns or repeats ids.
        RadiokitError
            With ``on_error="raise"``: the error of the first case that fails, with its id.

        Examples
        --------
        >>> import warnings
        >>> from radiokit.io import Mask, Volume
        >>> image = Volume(np.arange(32.0**3).reshape(32, 32, 32))
        >>> cases = pd.DataFrame({"image": [image], "mask": [Mask(image.array > 31000)]}, index=["P01"])
        >>> extractor = DeepFeatureExtractor(backbone="resnet_small", patch_size=(16, 16, 16))
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")  # random weights
        ...     extractor.extract(cases)
        Extraction(1 cases, 128 features, 0 failures)
        """
        _, how = self._run()
        return run_cases(case_table(cases, on_error=self.on_error), **how)

    def extract_to(self, cases: Any, path: str | os.PathLike[str]) -> ExtractionFile:
        """Extract the features of each case to a Parquet file, in memory that does not grow with their number.

        Parameters
        ----------
        cases : DataFrame or path
            As for `extract`, with paths of files.
        path : path
            File to write, ``.parquet``.

        Returns
        -------
        ExtractionFile
            Where the rows are, and what failed.

        Raises
        ------
        FileError
            If the file cannot be written, or another run is writing it.
        RadiokitError
            As for `extract`.
        """
        if os.path.splitext(path)[1].lower() != ".parquet":
            raise FileError(f"{path}: rows can be written as they come to .parquet only.")
        settings, how = self._run()
        return run_cases_to(table_of_files(cases, on_error=self.on_error), path=path, settings=settings, **how)

    def _run(self) -> tuple[str, dict[str, Any]]:
        """Return what decides a value, and how and what to run for each case."""
        step = self._step()
        require_torch(NEEDED_FOR)
        self._warn_if_random()
        settings = self._settings(step)
        return settings, {
            "compute": self._task(),
            "columns": step.names,
            "key": partial(case_key, settings=settings),
            "finish": step,
            "n_jobs": self.n_jobs,
            "on_error": self.on_error,
            "cache": self.cache,
            "limits": self.limits,
            "progress": self.progress,
            "description": "Deep features",
        }

    def extract_case(
        self, image: Any, mask: Any, *, label: Any = None, spacing: Sequence[float] | None = None
    ) -> pd.Series:
        """Extract the features of one image and mask.

        Parameters
        ----------
        image : path, Volume, SimpleITK.Image or ndarray
            The image; arrays are (z, y, x), or (y, x) for one slice.
        mask : path, Mask, SimpleITK.Image or ndarray
            The region, or a label map, on the grid of the image.
        label : int, optional
            Label of the region in a label map.
        spacing : sequence of float, optional
            For arrays: mm between voxel centres in the order of the axes.

        Returns
        -------
        Series
            One value a feature.

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
        ready = task.crop(*read_pair(image, mask, label=label, spacing=spacing))
        found = step([ready.payload])[0]
        if isinstance(found, Exception):
            raise found
        return pd.Series(found, dtype=float)

    def _step(self) -> FrozenStep:
        """Return the second step after checks; it builds its network when the first batch comes."""
        options = self._task().options
        layers = layer_names(self.backbone)
        architecture = check_backbone(self.backbone, self.dimension)
        layer = layers[-1] if self.layer is None else self.layer
        for name, value, known in (
            ("layer", layer, layers),
            ("pooling", self.pooling, POOLINGS),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in known:
                raise ParameterError(f"{name}={value!r}; required: one of {', '.join(map(repr, known))}.")
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ParameterError(f"batch_size={self.batch_size!r}; required: a whole number from 1 on.")
        if not isinstance(self.random_state, int) or self.random_state < 0:
            raise ParameterError(f"random_state={self.random_state!r}; required: a whole number from 0 on.")
        seen = self.patch_size if self.dimension == "3D" else self.patch_size[1:]
        if min(seen) < architecture.smallest:
            raise ParameterError(
                f"patch_size={self.patch_size!r}; {self.backbone} needs {architecture.smallest} voxels along each axis."
            )
        if options.mean is not None and len(options.mean) == 3 and self.dimension == "3D":
            raise ParameterError("mean and sd of DeepOptions have 3 numbers; a 3D crop has one channel.")
        flat = (
            self.dimension != "3D"
        )  # slices are channels, or one slice thrice as networks of colour pictures expect it
        encoder = Encoder(self.backbone, 3 if flat else 1, "2D" if flat else "3D", options.stride)
        width = encoder.stage(layer).channels
        return FrozenStep(
            Backbone(encoder, layer, as_weights(self.weights), self.random_state),
            tuple(f"{self._prefix(layer == layers[-1])}_{k}" for k in range(width)),
            self.batch_size,
            self.device,
            self.precision,
            options.mean,
            options.sd,
        )

    def _prefix(self, last: bool) -> str:
        parts = [f"deep_{self.backbone}"]
        parts += [] if last else [str(self.layer).removeprefix("features.")]
        parts += ["masked"] if self.pooling == "masked" else []
        parts += [] if self.dimension == "3D" else [self.dimension]
        return "-".join(parts)

    def _task(self) -> CropTask:
        options = DeepOptions() if self.options is None else self.options
        if not isinstance(options, DeepOptions):
            raise ParameterError(f"options={self.options!r}; required: DeepOptions(...), or None.")
        check_settings(
            self.patch_size,
            self.spacing,
            self.dimension,
            options.planes,
            self.window,
            options.background,
            options.too_large,
        )
        nz, ny, nx = (int(n) for n in self.patch_size)
        sz, sy, sx = (float(s) for s in self.spacing)
        window = self.window if self.window is None or isinstance(self.window, str) else tuple(self.window)
        masked = self.pooling == "masked"
        return CropTask((nz, ny, nx), (sz, sy, sx), self.dimension, window, options, masked)  # type: ignore[arg-type]

    def _settings(self, step: FrozenStep) -> str:
        """Everything that decides a value, in one spelling."""
        weights = step.backbone.weights
        content = f"random {step.backbone.seed}" if weights is None else weights.digest()
        network = (CELLS, step.backbone.encoder, step.backbone.layer, content)
        return repr((self._task(), network, step.place.type, self.precision, require_torch().__version__))

    def _warn_if_random(self, stacklevel: int = 4) -> None:
        if self.weights is None:
            warnings.warn(
                f"weights=None: {self.backbone} has random weights (random_state={self.random_state}), so its features "
                "are random projections of the crop. Give pretrained weights.",
                DataWarning,
                stacklevel=stacklevel,
            )
