"""Feature maps: the features of the neighbourhood of each voxel of a region."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.features._binning import bin_values
from radiokit.features._extractor import RadiomicsExtractor
from radiokit.features._map_fields import BATCH, Field, VoxelTask
from radiokit.features._map_volumes import FeatureMaps
from radiokit.features._matrices._lattice import directions
from radiokit.features._measure import FORMULAS
from radiokit.features._pipeline import binning_of
from radiokit.features._pyradiomics import PyradiomicsPipeline
from radiokit.features._pyradiomics_params import arguments_of, load_params, voxel_arguments
from radiokit.filters import Filter, LoG, Scene, Wavelet, as_filter, pyradiomics_images, pyradiomics_names
from radiokit.io.reading import ImageLike, MaskLike, Reading
from radiokit.preprocessing.boxes import grown
from radiokit.preprocessing.budget import MOST_SECONDS_OF_MAPS, by, require
from radiokit.utils import parallel_map

CHUNKS = 64  # of a map; enough to share out evenly, and to show progress
Wanted = dict[str, dict[str, list[str]]]  # image name -> class -> features


def feature_maps(
    image: ImageLike,
    mask: MaskLike,
    features: Sequence[str] | None = None,
    *,
    radius: int | None = None,
    extractor: RadiomicsExtractor | None = None,
    params: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    masked: bool | None = None,
    outside: float | None = None,
    label: int | None = None,
    spacing: Sequence[float] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> FeatureMaps:
    """Measure the neighbourhood of every voxel of a region (voxel-based radiomics).

    Parameters
    ----------
    {any_image} {any_mask}
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
    {label} {array_spacing} {n_jobs} {progress}

    Returns
    -------
    FeatureMaps
        A mapping of names to volumes: one map for each feature, on the grid of the image (after resampling, where that
        is asked for), made when it is asked for. `radiokit.io.write_volume` stores one.

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
    features = _all_features(extractor) if features is None else features
    task = _with_all_families(features, extractor).case_task()
    pipeline = task.pipeline
    if not isinstance(pipeline, PyradiomicsPipeline):
        raise ParameterError("feature_maps follows pyradiomics; this extractor has standard='ibsi'.")
    wanted = _wanted(features, pipeline)
    ready = pipeline.prepare(*task.read(image, mask, Reading(label=label, spacing=spacing)))
    scene = Scene(
        ready.image, ready.mask, grown(ready.box, (int(radius),) * 3, ready.image.shape), pipeline.texture.flat_axis
    )
    inside = scene.mask.array[scene.box]
    voxels = np.argwhere(inside)
    z, y, x = (0 if axis == pipeline.texture.flat_axis else int(radius) for axis in range(3))
    _require(len(voxels), (z, y, x), pipeline, len(features))
    parts = np.array_split(voxels, min(CHUNKS, len(voxels)))
    columns: dict[str, np.ndarray] = {}
    for name, work in _tasks(pipeline, scene, wanted, inside if masked else np.ones_like(inside), (z, y, x)):
        description = f"{name} {work.family}"
        found = parallel_map(work, parts, n_jobs=n_jobs, progress=progress, description=description)
        for feature, column in zip(work.features, np.concatenate(found).T, strict=True):
            columns[f"{name}_{work.family}_{feature}"] = column
    empty = np.full(len(voxels), np.nan)  # of an image that could not be made; a warning was given
    return FeatureMaps(ready.image, ready.mask.array, {name: columns.get(name, empty) for name in features}, outside)


def _tasks(
    pipeline: PyradiomicsPipeline,
    scene: Scene,
    wanted: Wanted,
    counted: NDArray[np.bool_],
    reach: tuple[int, int, int],
) -> Iterator[tuple[str, VoxelTask]]:
    """Yield the work on each wanted family of each image, with the name of the image."""
    for measured in pipeline.filters:
        bins = pipeline.bins(measured)
        for name, values in pyradiomics_images(measured.filter, scene):
            for family, chosen in wanted.get(name, {}).items():
                levels = bin_values(values[counted], binning_of(bins, family))
                field = Field.around(values, counted, levels, reach, scene.image.spacing)
                yield (
                    name,
                    VoxelTask(field, family, chosen, measured.texture or pipeline.texture, pipeline.shift(measured)),
                )


def _require(n_voxels: int, reach: tuple[int, int, int], pipeline: PyradiomicsPipeline, n_features: int) -> None:
    """Refuse neighbourhoods that are too large for a batch of them, or for all voxels of the region."""
    window = tuple(2 * r + 1 for r in reach)
    size = float(np.prod(window))
    textures = [measured.texture or pipeline.texture for measured in pipeline.filters]
    n_offsets = max(len(directions(window, options.distances)) for options in textures)
    require(
        f"Maps with neighbourhoods of {by(window)} voxels (radius, kernelRadius) around {n_voxels:,} voxels",
        memory=BATCH * size * (16 + 24 * n_offsets) + 16.0 * n_voxels * n_features,
        seconds=n_voxels * (5e-6 * n_features + 8e-8 * size * n_offsets),
        most_seconds=MOST_SECONDS_OF_MAPS,
        instead="Use a smaller radius, shorter distances, or a coarser grid.",
    )


def _settings(
    extractor: RadiomicsExtractor | None, params: str | os.PathLike[str] | Mapping[str, Any] | None
) -> tuple[RadiomicsExtractor | None, dict[str, Any]]:
    """Return the extractor, and the arguments for maps from a parameter file."""
    if params is None:
        return extractor, {}
    if extractor is not None:
        raise ParameterError("extractor and params both hold the settings; give one of them.")
    content = params if isinstance(params, Mapping) else load_params(params)
    return RadiomicsExtractor(**arguments_of(content)), voxel_arguments(content)


def _all_features(extractor: RadiomicsExtractor | None) -> list[str]:
    """Every column of the extractor that can be mapped."""
    if extractor is None:
        raise ParameterError("features is None; required: names, or an extractor or params whose features are mapped.")
    return [name for name in extractor.get_feature_names_out() if name.split("_")[1] in FORMULAS]


def _with_all_families(features: Sequence[str], extractor: RadiomicsExtractor | None) -> RadiomicsExtractor:
    """Return the extractor, or one with the filters that the names ask for, in the form that maps need."""
    if extractor is None:
        filters = dict.fromkeys(_filter_named(image) for image in dict.fromkeys(n.split("_")[0] for n in features))
        return RadiomicsExtractor(filters=tuple(filters))
    return type(extractor)(**{**extractor.get_params(deep=False), "families": "all", "engine": "radiokit"})


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
    flat = pipeline.texture.flat_axis
    images = {name for m in pipeline.filters for name in pyradiomics_names(m.filter, flat)}
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
