"""Feature maps: each voxel of a region carries the features of the neighbourhood around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.features._binning import GreyLevels, bin_values
from radiokit.features._extractor import RadiomicsExtractor
from radiokit.features._firstorder import Intensities
from radiokit.features._measure import FORMULAS, TextureOptions
from radiokit.features._plan import Plan, as_discretization
from radiokit.features._pyradiomics import PyradiomicsPipeline
from radiokit.features._region import Region
from radiokit.features._texture import Texture
from radiokit.filters import Filter, LoG, Scene, Wavelet, as_filter, pyradiomics_images, pyradiomics_names
from radiokit.io import Volume
from radiokit.utils import parallel_map

CHUNKS = 64  # of a map; enough to share out evenly, and to show progress
Wanted = dict[str, dict[str, list[str]]]  # image name -> class -> features


def feature_maps(
    image: Any,
    mask: Any,
    features: Sequence[str],
    *,
    radius: int = 1,
    extractor: RadiomicsExtractor | None = None,
    masked: bool = True,
    outside: float = np.nan,
    label: Any = None,
    spacing: Sequence[float] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> dict[str, Volume]:
    """Measure the neighbourhood of every voxel of a region (voxel-based radiomics).

    Parameters
    ----------
    image : path, Volume, SimpleITK.Image or ndarray
        As in `RadiomicsExtractor.extract_case`.
    mask : path, Mask, SimpleITK.Image or ndarray
        The region.
    features : sequence of str
        Columns of the pyradiomics standard, such as ``"original_glcm_Contrast"``; any class but shape.
    radius : int
        The neighbourhood is the cube of 2 radius + 1 voxels.
    extractor : RadiomicsExtractor, optional
        Settings: filters, resampling, discretisation, neighbourhoods. Without it the defaults, with the filters that
        the names ask for.
    masked : bool
        Only voxels of the region count in a neighbourhood, and grey levels are those of the region (pyradiomics'
        ``maskedKernel``). Without it every voxel counts, and grey levels are those of the box around the region.
    outside : float
        Value of the maps outside of the region.
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
    dict of str to Volume
        A map a feature, on the grid of the image (after resampling, where that is asked for); `radiokit.io.write_volume`
        stores it.

    Raises
    ------
    ParameterError
        If a feature is unknown, or `radius` is not a whole number from 1 on.
    RadiokitError
        As `RadiomicsExtractor.extract_case`.

    Notes
    -----
    The formulas and matrices are those of whole regions; grey levels are set once for the region, and every neighbourhood
    has them (pyradiomics 3.0.1, voxel-based extraction). Where a feature is not defined, as texture of a voxel without
    neighbours, its map is NaN.

    Examples
    --------
    >>> values = np.arange(64.0).reshape(4, 4, 4)
    >>> maps = feature_maps(values, values > 31, ["original_firstorder_Mean"], spacing=(1, 1, 1))
    >>> float(maps["original_firstorder_Mean"].array[3, 3, 3])
    53.5
    """
    if radius != int(radius) or radius < 1:
        raise ParameterError(f"radius={radius!r}; required: a whole number of voxels, 1 or more.")
    plan = _plan_for(features, extractor)
    pipeline = PyradiomicsPipeline(plan)
    wanted = _wanted(features, pipeline)
    base = extractor if extractor is not None else RadiomicsExtractor()
    volume, region = base.read_case(image, mask, label=label, spacing=spacing)
    ready = pipeline.prepare(volume, region)
    scene = Scene(ready.image, ready.mask, _widened(ready.box, radius, ready.image.shape), pipeline.flat_axis)
    inside = scene.mask.array[scene.box]
    voxels = np.argwhere(inside)
    maps = {name: np.full(ready.image.shape, outside) for name in features}
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
                field = Field.around(values, counted, levels, radius, ready.image.spacing)
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
                    maps[f"{name}_{family}_{feature}"][scene.box][inside] = column
    return {name: ready.image.with_array(array) for name, array in maps.items()}


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
    radius : int
        Voxels of margin.
    spacing : tuple of 3 float
        In mm.
    """

    values: np.ndarray
    levels: np.ndarray
    n_levels: int
    n_present: int
    radius: int
    spacing: tuple[float, float, float]

    @classmethod
    def around(
        cls,
        values: np.ndarray,
        counted: np.ndarray,
        levels: GreyLevels,
        radius: int,
        spacing: tuple[float, float, float],
    ) -> Field:
        """Make the field of the voxels that count."""
        field = np.zeros(values.shape, dtype=np.int64)
        field[counted] = levels.level
        present = len(levels.histogram[0])
        return cls(np.pad(values, radius), np.pad(field, radius), levels.n_levels, present, radius, spacing)

    def neighbourhood(self, voxel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Grey levels and intensities of the cube around a voxel, given by its place in the box."""
        cube = tuple(slice(v, v + 2 * self.radius + 1) for v in voxel)
        return self.levels[cube], self.values[cube]


def _chunk(
    voxels: np.ndarray, *, field: Field, family: str, features: list[str], options: TextureOptions, shift: float
) -> np.ndarray:
    """Values of some voxels, shape (n_voxels, n_features)."""
    formulas = [FORMULAS[family][name] for name in features]
    out = np.empty((len(voxels), len(features)))
    for row, voxel in zip(out, voxels, strict=True):
        subject = _subject(*field.neighbourhood(voxel), field, family, options, shift)
        row[:] = [_average(formula(subject), subject) for formula in formulas]
    return out


def _subject(
    cube: np.ndarray, values: np.ndarray, field: Field, family: str, options: TextureOptions, shift: float
) -> Any:
    """What the formulas of a family are given: the intensities or the matrix of one neighbourhood."""
    counted = cube > 0
    levels = GreyLevels(cube[counted], field.n_levels)
    region = Region(counted, field.spacing)
    if family == "firstorder":
        return Intensities(values[counted], levels, region.voxel_volume, shift)
    subject = getattr(Texture(region, levels, options), family)
    if family == "glcm":
        subject.n_present = field.n_present  # of the image: one level in a neighbourhood does not make it flat
    return subject


def _average(value: float | np.ndarray, subject: Any) -> float:
    """Mean over directions that have a value and a count."""
    if isinstance(value, float):
        return value
    known = value[~(np.isnan(value) | np.isnan(subject.total))]
    return float(known.mean()) if known.size else np.nan


def _plan_for(features: Sequence[str], extractor: RadiomicsExtractor | None) -> Plan:
    """Settings of the extractor, or the defaults with the filters that the names ask for."""
    if extractor is not None:
        if extractor.standard != "pyradiomics":
            raise ParameterError(
                f"feature_maps follows pyradiomics; the extractor has standard={extractor.standard!r}."
            )
        return replace(extractor.plan(), families="all")
    images = dict.fromkeys(name.split("_")[0] for name in features)
    filters = dict.fromkeys(_filter_named(name) for name in images)
    return replace(RadiomicsExtractor(filters=tuple(filters)).plan(), families="all")


def _filter_named(image: str) -> Filter:
    """Return the filter with default settings that makes an image of this name."""
    sigma = re.fullmatch(r"log-sigma-(\d+)-(\d+)-mm-3D", image)
    if sigma:
        return LoG(sigma=float(f"{sigma[1]}.{sigma[2]}"))
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
