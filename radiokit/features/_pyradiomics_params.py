"""Parameter files of pyradiomics 3.0.1, read: from their content to the arguments of `RadiomicsExtractor`.

In a parameter file spatial lists run x, y, z and 0 stands for an axis that is kept; here they run z, y, x with None.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping
from typing import Any

from radiokit.exceptions import DataWarning, ParameterError
from radiokit.features._checked import Families, Measured
from radiokit.features._names import ALL_FEATURES
from radiokit.features._options import TextureOptions
from radiokit.features._settings import (
    FixedBinCount,
    FixedBinWidth,
    Normalization,
    RegionRules,
    Resampling,
    Resegmentation,
)
from radiokit.filters import LBP2D, LBP3D, Filter, Gradient, LoG, Wavelet, as_filter
from radiokit.preprocessing.choices import SITK_NAMES
from radiokit.utils import read_yaml
from radiokit.utils.json import is_number

SECTIONS = ("setting", "imageType", "featureClass", "voxelSetting")
SETTINGS = {  # name: what its value has to be
    name: kind
    for kind, names in {
        "int": (
            "minimumROIDimensions minimumROISize label label_channel binCount padDistance "
            "force2Ddimension start_level level lbp2DSamples lbp3DLevels lbp3DIcosphereSubdivision"
        ),
        "number": (
            "geometryTolerance binWidth normalizeScale removeOutliers lbp2DRadius lbp3DIcosphereRadius "
            "voxelArrayShift gldm_a"
        ),
        "bool": (
            "correctMask additionalInfo normalize force2D resegmentShape preCrop gradientUseSpacing symmetricalGLCM"
        ),
        "list": "resampledPixelSpacing distances resegmentRange sigma",
        "any": "interpolator",
        "text": "resegmentMode wavelet lbp2DMethod weightingNorm",
    }.items()
    for name in names.split()
}
VOXEL_SETTINGS = {"kernelRadius": "int", "maskedKernel": "bool", "initValue": "number", "voxelBatch": "int"}
IMAGE_TYPES = {
    "Original": {},
    "Wavelet": {"wavelet": "wavelet", "level": "level", "start_level": "start_level"},
    "LoG": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {"gradientUseSpacing": "use_spacing"},
    "LBP2D": {"lbp2DRadius": "radius", "lbp2DSamples": "samples", "lbp2DMethod": "method"},
    "LBP3D": {
        "lbp3DLevels": "levels",
        "lbp3DIcosphereRadius": "radius",
        "lbp3DIcosphereSubdivision": "subdivision",
    },
}
TEXTURE = {
    "distances": "distances",
    "force2D": "force2d",
    "force2Ddimension": "force2d_dimension",
    "symmetricalGLCM": "symmetrical_glcm",
    "weightingNorm": "weighting_norm",
    "gldm_a": "gldm_alpha",
}
REGION = {
    "label": "label",
    "label_channel": "channel",
    "correctMask": "correct_mask",
    "minimumROIDimensions": "minimum_dimensions",
    "minimumROISize": "minimum_size",
    "padDistance": "padding",
    "preCrop": "pre_crop",
    "geometryTolerance": "geometry_tolerance",
}
# What may differ from image type to image type; everything else is decided before filtering.
OWN_MEASURING = ("binWidth", "binCount", "voxelArrayShift", *TEXTURE)


def load_params(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML or JSON parameter file; nothing in it is executed."""
    content = read_yaml(path)
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path} holds {type(content).__name__}; required: sections {', '.join(SECTIONS)}.")
    return dict(content)


def arguments_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `RadiomicsExtractor` for the content of a parameter file."""
    sections = _section("the parameter file", params, dict.fromkeys(SECTIONS, "section"))
    setting = _section("setting", sections.get("setting"), SETTINGS)
    voxel_arguments(params)
    image_types = sections.get("imageType") or {"Original": {}}
    _known("imageType", image_types, IMAGE_TYPES)
    return {
        "standard": "pyradiomics",
        "filters": tuple(f for name, own in image_types.items() for f in _filters(name, own, setting)),
        "families": _families(sections.get("featureClass"), setting),
        "resampling": _resampling(
            setting, interpolated=(sections.get("setting") or {}).get("interpolator", "") is not None
        ),
        "discretization": _binning(setting) or FixedBinWidth(25),
        "resegmentation": _resegmentation(setting),
        "normalization": _normalization(setting),
        "texture": TextureOptions(**_renamed(setting, TEXTURE)),
        "region": RegionRules(**_renamed(setting, REGION)),
        "voxel_array_shift": setting.get("voxelArrayShift", 0),
    }


def voxel_arguments(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `feature_maps` for the section voxelSetting of a parameter file, where it has one."""
    content = params.get("voxelSetting") if isinstance(params, Mapping) else None
    if isinstance(content, Mapping) and str(content.get("initValue")).lower() in ("nan", ".nan"):
        content = {**content, "initValue": math.nan}  # `nan` is text in YAML, and what pyradiomics' own example holds
    found = _section("voxelSetting", content, VOXEL_SETTINGS)
    names = {"kernelRadius": "radius", "maskedKernel": "masked", "initValue": "outside"}
    return {ours: found[theirs] for theirs, ours in names.items() if theirs in found}


def warn_of_voxel_setting(params: Mapping[str, Any]) -> None:
    """Warn that a file was made for maps, where a row of features a region is asked for."""
    if params.get("voxelSetting") and isinstance(params["voxelSetting"], Mapping):
        warnings.warn(
            f"voxelSetting ({', '.join(map(str, params['voxelSetting']))}) is for maps, and is not used where a region "
            "gives one row: radiokit.features.feature_maps(image, mask, params=...) makes maps of this file.",
            DataWarning,
            stacklevel=3,
        )


def _section(where: str, content: Any, known: Mapping[str, str]) -> dict[str, Any]:
    """Return a section without its empty entries, after a check of names and types."""
    if content is None:
        return {}
    _known(where, content, known)
    for name, value in content.items():
        if value is not None and not _fits(value, known[name]):
            raise ParameterError(f"{name}: {value!r} in {where}; required: {known[name]}.")
    return {name: value for name, value in content.items() if value is not None}


def _known(where: str, content: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(content, Mapping):
        raise ParameterError(f"{where} holds {content!r}; required: entries `name: value`.")
    unknown = [str(name) for name in content if name not in known]
    if unknown:
        raise ParameterError(f"{where} has unknown entries: {', '.join(unknown)}. Known are {', '.join(known)}.")


def _fits(value: Any, kind: str) -> bool:
    number = is_number(value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return number and math.isfinite(value) and value == int(value)
    if kind == "number":
        return number
    if kind == "list":
        return isinstance(value, list) and all(map(is_number, value))
    if kind == "text":
        return isinstance(value, str)
    return True


def _renamed(setting: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found = {ours: setting[theirs] for theirs, ours in names.items() if theirs in setting}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _filters(name: str, own: Any, setting: Mapping[str, Any]) -> list[Filter | Measured]:
    """Return the filters of one image type; its own settings override those of the file."""
    own = _section(f"imageType {name}", own, SETTINGS)
    merged = {**setting, **own}
    wrong = [key for key in own if key not in (*IMAGE_TYPES[name], *OWN_MEASURING, "sigma", "additionalInfo")]
    if wrong:
        raise ParameterError(f"imageType {name}: {', '.join(wrong)} cannot differ from image to image; see `setting`.")
    if name == "LoG":
        if not merged.get("sigma"):
            raise ParameterError("imageType LoG needs sigma: a list of widths in mm, such as {sigma: [1.0, 2.0]}.")
        kinds: list[Filter] = [LoG(sigma=value) for value in merged["sigma"]]
    else:
        classes = {"Wavelet": Wavelet, "Gradient": Gradient, "LBP2D": LBP2D, "LBP3D": LBP3D}
        keywords = _renamed(merged, IMAGE_TYPES[name])
        kinds = [classes[name](**keywords) if name in classes else as_filter(name)]
    if not any(key in own for key in OWN_MEASURING):
        return list(kinds)
    texture = TextureOptions(**_renamed(merged, TEXTURE)) if any(key in own for key in TEXTURE) else None
    if texture is not None and texture.force2d != setting.get("force2D", False):
        raise ParameterError(f"imageType {name}: force2D cannot differ from image to image; see `setting`.")
    bins = _binning(merged) if "binWidth" in own or "binCount" in own else None
    return [Measured(kind, bins, texture, own.get("voxelArrayShift")) for kind in kinds]


def _families(feature_class: Any, setting: Mapping[str, Any]) -> Families:
    if not feature_class:
        return dict.fromkeys(ALL_FEATURES) if setting.get("force2D") else "all"
    _known("featureClass", feature_class, ALL_FEATURES)
    for name, features in feature_class.items():
        if features is not None and not (isinstance(features, list) and all(isinstance(f, str) for f in features)):
            raise ParameterError(f"featureClass {name}: {features!r}; required: nothing (all), or a list of features.")
    # pyradiomics passes over shape2D where force2D is off.
    wanted = {n: v for n, v in feature_class.items() if n != "shape2D" or setting.get("force2D")}
    return {name: tuple(features) if features else None for name, features in wanted.items()}


def _resampling(setting: Mapping[str, Any], *, interpolated: bool) -> Resampling | None:
    spacing = setting.get("resampledPixelSpacing")
    if spacing is None:
        return None
    if not interpolated:
        warnings.warn(
            f"interpolator is null: as in pyradiomics, images keep their grid, and resampledPixelSpacing {spacing} is "
            "not used. Leave the interpolator out, or name one, to resample.",
            DataWarning,
            stacklevel=4,
        )
        return None
    if len(spacing) != 3:
        raise ParameterError(f"resampledPixelSpacing: {spacing}; required: 3 numbers, x, y, z in mm; 0 keeps an axis.")
    return Resampling(
        spacing=tuple(float(v) if v else None for v in reversed(spacing)),  # type: ignore[arg-type]
        interpolator=_interpolator(setting.get("interpolator", "sitkBSpline")),
    )


def _interpolator(value: Any) -> str:
    by_name = {theirs: ours for ours, theirs in SITK_NAMES.items()}
    by_name |= {str(number): ours for number, ours in enumerate(SITK_NAMES, start=1)}
    found = by_name.get(str(value))
    if found is None:
        raise ParameterError(f"interpolator: {value!r}; required: 1 to 10, or one of {', '.join(SITK_NAMES.values())}.")
    return found


def _binning(setting: Mapping[str, Any]) -> FixedBinWidth | FixedBinCount | None:
    if "binCount" in setting:
        return FixedBinCount(setting["binCount"])
    return FixedBinWidth(setting["binWidth"]) if "binWidth" in setting else None


def _resegmentation(setting: Mapping[str, Any]) -> Resegmentation | None:
    bounds = setting.get("resegmentRange")
    if bounds is None:
        return None
    if len(bounds) not in (1, 2):
        raise ParameterError(f"resegmentRange: {bounds}; required: a lowest value, or a lowest and a highest.")
    low, high = (*sorted(bounds), None)[:2]
    mode = setting.get("resegmentMode", "absolute")
    return Resegmentation(range=(low, high), mode=mode, shape=setting.get("resegmentShape", False))


def _normalization(setting: Mapping[str, Any]) -> Normalization | None:
    if not setting.get("normalize"):
        return None
    return Normalization(scale=setting.get("normalizeScale", 1), outlier_sigma=setting.get("removeOutliers"))
