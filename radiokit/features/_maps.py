"""Feature maps: each voxel of a region carries the features of the neighbourhood around it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from radiokit.exceptions import ParameterError
from radiokit.features._binning import GreyLevels, bin_values
from radiokit.features._extractor import RadiomicsExtractor
from radiokit.features._firstorder import Intensities
from radiokit.features._glcm import JointProbability
from radiokit.features._map_volumes import FeatureMaps
from radiokit.features._matrices._counts import CountMatrix
from radiokit.features._matrices._lattice import directions
from radiokit.features._matrices._patches import patch_dependence, patch_pairs, patch_runs, patch_tones, patch_zones
from radiokit.features._measure import FORMULAS, TextureOptions
from radiokit.features._ngtdm import ToneDifference
from radiokit.features._plan import Plan, as_discretization
from radiokit.features._pyradiomics import PyradiomicsPipeline
from radiokit.features._pyradiomics_params import arguments_of, load_params, voxel_arguments
from radiokit.features._texture import direction_lengths, pair_weights
from radiokit.filters import Filter, LoG, Scene, Wavelet, as_filter, pyradiomics_images, pyradiomics_names
from radiokit.preprocessing.budget import by, require
from radiokit.utils import one_thread, parallel_map

BATCH = 64  # neighbourhoods at a time: their matrices fit into the cache of a core
Formula = Callable[[Any], Any]
CHUNKS = 64  # of a map; enough to share out evenly, and to show progress
Wanted = dict[str, dict[str, list[str]]]  # image name -> class -> features


def feature_maps(
    image: Any,
    mask: Any,
    features: Sequence[str] | None = None,
    *,
    radius: int | None = None,
    extractor: RadiomicsExtractor | None = None,
    params: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    masked: bool | None = None,
    outside: float | None = None,
    label: Any = None,
    spacing: Sequence[float] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> FeatureMaps:
    """Measure the neighbourhood of every voxel of a region (voxel-based radiomics).

    Parameters
    ----------
    image : path, Volume, SimpleITK.Image or ndarray
        As in `RadiomicsExtractor.extract_case`.
    mask : path, Mask, SimpleITK.Image or ndarray
        The region.
    features : sequence of str, optional
        Columns of the pyradiomics standard, such as ``"original_glcm_Contrast"``; any class but shape. None is all that
        `extractor` or `params` ask for.
    radius : int, optional
        The neighbourhood is the cube of 2 radius + 1 voxels. None is ``kernelRadius`` of `params`, or 1.
    extractor : RadiomicsExtractor, optional
        Settings: filters, resampling, discretisation, neighbourhoods. Without it the defaults, with the filters that
        the names ask for.
    params : path or mapping, optional
        A pyradiomics parameter file instead of `extractor`, with its ``voxelSetting``. (``voxelBatch`` is not needed.)
    masked : bool, optional
        Only voxels of the region count in a neighbourhood, and grey levels are those of the region. Without it every
        voxel counts, and grey levels are those of the box around the region. None is ``maskedKernel`` of `params`, or
        True.
    outside : float, optional
        Value of the maps outside of the region. None is ``initValue`` of `params`, or NaN.
    label : int, optional
        Label of the region in a label map.
    spacing : sequence of float, optional
        For arrays: mm between voxel centres in the order of the axes.
    n_jobs : int, optional
        joblib workers.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    FeatureMaps
        A mapping of names to volumes: a map a feature, on the grid of the image (after resampling, where that is asked
        for), made when it is asked for. `radiokit.io.write_volume` stores one.

    Raises
    ------
    ParameterError
        If a feature is unknown, or `radius` is not a whole number from 1 on.
    RadiokitError
        As `RadiomicsExtractor.extract_case`.

    Notes
    -----
    The formulas are those of whole regions; grey levels are set once for the region, and every neighbourhood has them
    (pyradiomics 3.0.1, voxel-based extraction). With ``force2d`` the neighbourhood is flat. Where a feature is not
    defined, as texture of a voxel without neighbours, its map is NaN. Two maps of pyradiomics are not reproduced: its
    JointAverage is NaN wherever one direction has no pair, and its MCC fails for the whole image in that case.

    Examples
    --------
    >>> values = np.arange(64.0).reshape(4, 4, 4)
    >>> maps = feature_maps(values, values > 31, ["original_firstorder_Mean"], spacing=(1, 1, 1))
    >>> float(maps["original_firstorder_Mean"].array[3, 3, 3])
    52.5
    """
    extractor, given = _settings(extractor, params)
    radius = given.get("radius", 1) if radius is None else radius
    masked = given.get("masked", True) if masked is None else masked
    outside = given.get("outside", np.nan) if outside is None else outside
    if radius != int(radius) or radius < 1:
        raise ParameterError(f"radius={radius!r}; required: a whole number of voxels, 1 or more.")
    radius = int(radius)
    features = _all_features(extractor) if features is None else features
    plan = _plan_for(features, extractor)
    pipeline = PyradiomicsPipeline(plan)
    wanted = _wanted(features, pipeline)
    base = extractor if extractor is not None else RadiomicsExtractor()
    volume, region = base.read_case(image, mask, label=label, spacing=spacing)
    ready = pipeline.prepare(volume, region)
    scene = Scene(ready.image, ready.mask, _widened(ready.box, radius, ready.image.shape), pipeline.flat_axis)
    inside = scene.mask.array[scene.box]
    voxels = np.argwhere(inside)
    z, y, x = (0 if axis == pipeline.flat_axis else radius for axis in range(3))
    reach = (z, y, x)
    _require(len(voxels), reach, plan, len(features))
    columns: dict[str, np.ndarray] = {}
    for measured in plan.filters:
        bins = as_discretization(plan.discretization if measured.discretization is None else measured.discretization)
        for name, values in pyradiomics_images(measured.filter, scene):
            if name not in wanted:
                continue
            counted = inside if masked else np.ones_like(inside)
            for family, chosen in wanted[name].items():
                binning = bins.get(family) or bins["default"]
                levels = bin_values(
                    values[counted], width=getattr(binning, "width", None), count=getattr(binning, "count", None)
                )
                field = Field.around(values, counted, levels, reach, ready.image.spacing)
                job = partial(
                    _chunk,
                    field=field,
                    family=family,
                    features=chosen,
                    options=measured.texture or plan.texture,
                    shift=plan.voxel_array_shift,
                )
                parts = np.array_split(voxels, min(CHUNKS, len(voxels)))
                found = parallel_map(job, parts, n_jobs=n_jobs, progress=progress, description=f"{name} {family}")
                for feature, column in zip(chosen, np.concatenate(found).T, strict=True):
                    columns[f"{name}_{family}_{feature}"] = column
    empty = np.full(len(voxels), np.nan)  # an image that could not be made has said so
    return FeatureMaps(ready.image, ready.mask.array, {name: columns.get(name, empty) for name in features}, outside)


def _require(n_voxels: int, reach: tuple[int, int, int], plan: Plan, n_features: int) -> None:
    """Refuse neighbourhoods that are too large for a batch of them, or for all voxels of the region."""
    window = tuple(2 * r + 1 for r in reach)
    size = float(np.prod(window))
    textures = [measured.texture or plan.texture for measured in plan.filters]
    n_offsets = max(len(directions(window, options.distances)) for options in textures)
    require(
        f"Maps with neighbourhoods of {by(window)} voxels (radius, kernelRadius) around {n_voxels:,} voxels",
        memory=BATCH * size * (16 + 24 * n_offsets) + 16.0 * n_voxels * n_features,
        operations=2 * n_voxels * size * n_offsets,
        instead="Use a smaller radius, shorter distances, or a coarser grid.",
    )


@dataclass(frozen=True)
class Field:
    """An image cut to the box of the region and surrounded by empty voxels, so that every neighbourhood fits.

    Parameters
    ----------
    values : ndarray of float
        Intensities.
    levels : ndarray of int
        Grey levels; 0 does not count.
    n_levels : int
        Highest grey level of the image.
    n_present : int
        How many grey levels occur in it.
    reach : tuple of 3 int
        Voxels of a neighbourhood on each side, (z, y, x).
    spacing : tuple of 3 float
        In mm.
    """

    values: np.ndarray
    levels: np.ndarray
    n_levels: int
    n_present: int
    reach: tuple[int, int, int]
    spacing: tuple[float, float, float]

    @classmethod
    def around(
        cls,
        values: np.ndarray,
        counted: np.ndarray,
        levels: GreyLevels,
        reach: tuple[int, int, int],
        spacing: tuple[float, float, float],
    ) -> Field:
        """Make the field of the voxels that count."""
        field = np.zeros(values.shape, dtype=np.int64)
        field[counted] = levels.level
        margin = [(r, r) for r in reach]
        present = len(levels.histogram[0])
        return cls(np.pad(values, margin), np.pad(field, margin), levels.n_levels, present, reach, spacing)

    def stacks(self, voxels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Grey levels and intensities around voxels, given by their places in the box; shape (n_voxels, k, k, k)."""
        window = tuple(2 * r + 1 for r in self.reach)
        index = tuple(voxels.T)
        return (sliding_window_view(self.levels, window)[index], sliding_window_view(self.values, window)[index])


def _chunk(
    voxels: np.ndarray, *, field: Field, family: str, features: list[str], options: TextureOptions, shift: float
) -> np.ndarray:
    """Values of some voxels, shape (n_voxels, n_features)."""
    batches = [voxels[k : k + BATCH] for k in range(0, len(voxels), BATCH)]
    formulas = [FORMULAS[family][name] for name in features]
    with one_thread():
        return np.concatenate([_batch(batch, field, family, formulas, options, shift) for batch in batches])


def _batch(
    voxels: np.ndarray, field: Field, family: str, formulas: list[Formula], options: TextureOptions, shift: float
) -> np.ndarray:
    levels, values = field.stacks(voxels)
    if family == "firstorder":
        volume = float(np.prod(field.spacing))
        subjects: Iterable[Any] = (
            Intensities(v[n > 0], GreyLevels(n[n > 0], field.n_levels), volume, shift)
            for n, v in zip(levels, values, strict=True)
        )
        return np.array([[formula(subject) for formula in formulas] for subject in subjects])
    flat_axis = options.force2d_dimension if options.force2d else None
    near = directions(levels.shape[1:], (1,), flat_axis=flat_axis)
    offsets = directions(levels.shape[1:], options.distances, flat_axis=flat_axis)
    if family == "ngtdm":
        subjects = (ToneDifference.count(*columns) for columns in patch_tones(levels, offsets))
        return np.array([[formula(subject) for formula in formulas] for subject in subjects])
    if family == "glcm":
        matrix = patch_pairs(levels, offsets)
        matrix = matrix.symmetrical() if options.symmetrical_glcm else matrix
        if options.weighting_norm is not None:
            matrix = _weighted(matrix, pair_weights(offsets, np.array(field.spacing), options.weighting_norm))
    elif family == "glrlm":
        matrix = patch_runs(levels, near)
        if options.weighting_norm is not None:
            matrix = _weighted(matrix, direction_lengths(near, np.array(field.spacing), options.weighting_norm))
    elif family == "glszm":
        matrix = patch_zones(levels, near)
    else:
        matrix = patch_dependence(levels, offsets, options.alpha)
    return _by_voxel(matrix, field, family, formulas, len(voxels))


def _weighted(matrix: CountMatrix, weights: np.ndarray) -> CountMatrix:
    """Sum the matrices of each voxel over directions."""
    n = matrix.n.reshape(-1, len(weights), len(matrix.i))
    return CountMatrix(matrix.i, matrix.j, np.einsum("vdc,d->vc", n, weights))


def _by_voxel(matrix: CountMatrix, field: Field, family: str, formulas: list[Formula], n_voxels: int) -> np.ndarray:
    """Evaluate formulas on matrices that hold something, and average those of one voxel."""
    filled = matrix.n.any(axis=1)
    owner = np.flatnonzero(filled) // (len(matrix.n) // n_voxels)
    some = CountMatrix(matrix.i, matrix.j, matrix.n[filled])
    # The number of levels is that of the image: one level in a neighbourhood does not make the image flat.
    subject = JointProbability(some, field.n_levels, field.n_present) if family == "glcm" else some
    out = np.empty((n_voxels, len(formulas)))
    for column, formula in zip(out.T, formulas, strict=True):
        value = formula(subject) if len(some.n) else np.zeros(0)
        known = ~np.isnan(value)
        number = np.bincount(owner[known], minlength=n_voxels)
        total = np.bincount(owner[known], value[known], minlength=n_voxels)
        column[:] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return out


def _settings(
    extractor: RadiomicsExtractor | None, params: str | os.PathLike[str] | Mapping[str, Any] | None
) -> tuple[RadiomicsExtractor | None, dict[str, Any]]:
    """Return the extractor, and what a parameter file says of maps."""
    if params is None:
        return extractor, {}
    if extractor is not None:
        raise ParameterError("extractor and params are two descriptions of the settings; give one of them.")
    content = params if isinstance(params, Mapping) else load_params(params)
    return RadiomicsExtractor(**arguments_of(content)), voxel_arguments(content)


def _all_features(extractor: RadiomicsExtractor | None) -> list[str]:
    """Every column of the extractor that can be mapped."""
    if extractor is None:
        raise ParameterError("features is None; required: names, or an extractor or params whose features are mapped.")
    return [name for name in extractor.get_feature_names_out() if name.split("_")[1] in FORMULAS]


def _plan_for(features: Sequence[str], extractor: RadiomicsExtractor | None) -> Plan:
    """Return the settings of the extractor, or the defaults with the filters that the names ask for."""
    if extractor is not None:
        if extractor.standard != "pyradiomics":
            raise ParameterError(
                f"feature_maps follows pyradiomics; this extractor has standard={extractor.standard!r}."
            )
        return replace(extractor.plan(), families="all")
    images = dict.fromkeys(name.split("_")[0] for name in features)
    filters = dict.fromkeys(_filter_named(name) for name in images)
    return replace(RadiomicsExtractor(filters=tuple(filters)).plan(), families="all")


def _filter_named(image: str) -> Filter:
    """Return the filter with default settings that makes an image of this name."""
    sigma = re.fullmatch(r"log-sigma-(\d+)(?:-(\d+))?-mm-3D", image)
    if sigma:
        return LoG(sigma=int(sigma[1]) if sigma[2] is None else float(f"{sigma[1]}.{sigma[2]}"))
    if image.startswith("wavelet"):
        level = re.match(r"wavelet(\d*)-", image)
        return Wavelet(level=int(level[1] or 1) if level else 1)
    return as_filter("lbp3d" if image.startswith("lbp-3D") else image)


def _wanted(features: Sequence[str], pipeline: PyradiomicsPipeline) -> Wanted:
    """Sort the names by image and class, after a check."""
    flat = pipeline.flat_axis
    images = {name for m in pipeline.plan.filters for name in pyradiomics_names(m.filter, flat)}
    wanted: Wanted = {}
    for name in features:
        image, _, rest = name.partition("_")
        family, _, feature = rest.partition("_")
        if image not in images or family not in FORMULAS or feature not in FORMULAS[family]:
            raise ParameterError(
                f"The feature {name!r} cannot be mapped; required: <image>_<class>_<Feature> with image one of "
                f"{', '.join(sorted(images))} and class one of {', '.join(FORMULAS)}."
            )
        chosen = wanted.setdefault(image, {}).setdefault(family, [])
        if feature not in chosen:
            chosen.append(feature)
    if not wanted:
        raise ParameterError("features is empty; required: at least one name, such as 'original_glcm_Contrast'.")
    return wanted


def _widened(box: tuple[slice, slice, slice], by: int, shape: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    z, y, x = (slice(max(s.start - by, 0), min(s.stop + by, n)) for s, n in zip(box, shape, strict=True))
    return z, y, x
