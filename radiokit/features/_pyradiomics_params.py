"""Parameter files of pyradiomics 3.0.1, to and from the arguments of `RadiomicsExtractor`.

In a parameter file spatial lists run x, y, z and 0 stands for an axis that is kept; here they run z, y, x with None.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

from radiokit.exceptions import DataWarning, ParameterError
from radiokit.features._measure import ALL_FEATURES, TextureOptions
from radiokit.features._plan import Measured, Plan, build_pipeline
from radiokit.features._settings import (
    INTERPOLATORS,
    FixedBinCount,
    FixedBinWidth,
    Normalization,
    RegionRules,
    Resampling,
    Resegmentation,
)
from radiokit.filters import LBP2D, LBP3D, Filter, Gradient, LoG, Wavelet, as_filter
from radiokit.utils import read_yaml

SECTIONS = ("setting", "imageType", "featureClass", "voxelSetting")
SETTINGS = {  # name: what its value has to be
    "minimumROIDimensions": "int",
    "minimumROISize": "int",
    "geometryTolerance": "number",
    "correctMask": "bool",
    "additionalInfo": "bool",
    "label": "int",
    "label_channel": "int",
    "binWidth": "number",
    "binCount": "int",
    "normalize": "bool",
    "normalizeScale": "number",
    "removeOutliers": "number",
    "resampledPixelSpacing": "list",
    "interpolator": "any",
    "padDistance": "int",
    "distances": "list",
    "force2D": "bool",
    "force2Ddimension": "int",
    "resegmentRange": "list",
    "resegmentMode": "text",
    "resegmentShape": "bool",
    "preCrop": "bool",
    "sigma": "list",
    "start_level": "int",
    "level": "int",
    "wavelet": "text",
    "gradientUseSpacing": "bool",
    "lbp2DRadius": "number",
    "lbp2DSamples": "int",
    "lbp2DMethod": "text",
    "lbp3DLevels": "int",
    "lbp3DIcosphereRadius": "number",
    "lbp3DIcosphereSubdivision": "int",
    "voxelArrayShift": "number",
    "symmetricalGLCM": "bool",
    "weightingNorm": "text",
    "gldm_a": "number",
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
SITK_NAMES = {
    "nearest": "sitkNearestNeighbor",
    "linear": "sitkLinear",
    "bspline": "sitkBSpline",
    "gaussian": "sitkGaussian",
    "label_gaussian": "sitkLabelGaussian",
    "hamming_sinc": "sitkHammingWindowedSinc",
    "cosine_sinc": "sitkCosineWindowedSinc",
    "welch_sinc": "sitkWelchWindowedSinc",
    "lanczos_sinc": "sitkLanczosWindowedSinc",
    "blackman_sinc": "sitkBlackmanWindowedSinc",
}


# ---------------------------------------------------------------------------------------------------------- reading


def load_params(path: Any) -> dict[str, Any]:
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


def say_voxel_setting(params: Mapping[str, Any]) -> None:
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
    number = _is_number(value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return number and math.isfinite(value) and value == int(value)
    if kind == "number":
        return number
    if kind == "list":
        return isinstance(value, list) and all(map(_is_number, value))
    if kind == "text":
        return isinstance(value, str)
    return True


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a float can hold: YAML writes integers of any length."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _is_null(content: Any, name: str) -> bool:
    """Say whether an entry stands there without a value, which pyradiomics may take for a choice."""
    return bool(content) and name in content and content[name] is None


def _renamed(setting: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found = {ours: setting[theirs] for theirs, ours in names.items() if theirs in setting}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _filters(name: str, own: Any, setting: Mapping[str, Any]) -> list[Filter | Measured]:
    """Return the filters of one image type; a setting that stands there counts before that of the file."""
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


def _families(feature_class: Any, setting: Mapping[str, Any]) -> Any:
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
    by_name = {theirs: ours for ours, theirs in SITK_NAMES.items()} | {str(INTERPOLATORS[o]): o for o in SITK_NAMES}
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


# ---------------------------------------------------------------------------------------------------------- writing


def params_of(extractor: Any) -> dict[str, Any]:
    """Return the content of a parameter file for an extractor; what a file cannot hold is an error."""
    if extractor.standard != "pyradiomics":
        raise ParameterError(f"standard={extractor.standard!r} has no pyradiomics parameter file.")
    plan = extractor.plan()
    _ = build_pipeline("pyradiomics", plan).names  # says what pyradiomics has no counterpart of
    setting = {
        **_written_binning(plan.discretization),
        **_written(plan.texture, TextureOptions(), TEXTURE),
        **_written(plan.region, RegionRules(), REGION),
        **_written_resampling(plan.resampling),
        **_written_resegmentation(plan.resegmentation),
    }
    if plan.voxel_array_shift:
        setting["voxelArrayShift"] = _plain(plan.voxel_array_shift)
    if plan.normalization is not None:
        setting |= {"normalize": True, "normalizeScale": plan.normalization.scale}
        if plan.normalization.outlier_sigma is not None:
            setting["removeOutliers"] = plan.normalization.outlier_sigma
    families = (
        {c: None for c in ALL_FEATURES if c != "shape2D"}
        if plan.families == "all"
        else {name: list(features) if features else None for name, features in plan.families.items()}
    )
    return {"setting": setting, "imageType": _written_filters(plan), "featureClass": families}


def _written(value: Any, default: Any, names: Mapping[str, str]) -> dict[str, Any]:
    changed = {t: getattr(value, o) for t, o in names.items() if getattr(value, o) != getattr(default, o)}
    return {name: _plain(v) for name, v in changed.items()}


def _every(value: Any, names: Mapping[str, str]) -> dict[str, Any]:
    found = {theirs: getattr(value, ours) for theirs, ours in names.items()}
    return {name: _plain(v) for name, v in found.items() if v is not None}


def _plain(value: Any) -> Any:
    """Spell a value as pyradiomics' schema wants it: lists, and whole numbers without a point."""
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written_binning(by_family: Mapping[str, Any]) -> dict[str, Any]:
    if set(by_family) != {"default"}:
        raise ParameterError("A pyradiomics parameter file holds one discretisation, not one a family.")
    binning = by_family["default"]
    return {"binCount": binning.count} if isinstance(binning, FixedBinCount) else {"binWidth": binning.width}


def _written_resampling(how: Resampling | None) -> dict[str, Any]:
    if how is None:
        return {}
    if how.round_intensities is not None:
        raise ParameterError("A pyradiomics parameter file cannot hold Resampling(round_intensities=...).")
    spacing = [v or 0 for v in reversed(how.spacing)]
    name = "bspline" if how.interpolator == "cubic" else how.interpolator
    return {"resampledPixelSpacing": spacing, "interpolator": SITK_NAMES[name]}


def _written_resegmentation(how: Resegmentation | None) -> dict[str, Any]:
    if how is None:
        return {}
    bounds, mode = how.range, how.mode
    if how.outlier_sigma is not None:
        if bounds is not None:
            raise ParameterError("A pyradiomics parameter file cannot hold both range and outlier_sigma.")
        bounds, mode = (-how.outlier_sigma, how.outlier_sigma), "sigma"
    if bounds is None:
        return {}
    if bounds[0] is None:
        raise ParameterError(
            f"A pyradiomics parameter file cannot hold Resegmentation(range={bounds}): no lowest value."
        )
    return {
        "resegmentRange": [v for v in bounds if v is not None],
        "resegmentMode": mode,
        "resegmentShape": how.shape,
    }


def _written_filters(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for measured in plan.filters:
        kind = measured.filter
        name = type(kind).__name__
        own = {
            **(_written_binning({"default": measured.discretization}) if measured.discretization else {}),
            **(_every(measured.texture, TEXTURE) if measured.texture else {}),
            **({} if measured.voxel_array_shift is None else {"voxelArrayShift": _plain(measured.voxel_array_shift)}),
        }
        if measured.texture and plan.texture.weighting_norm and not measured.texture.weighting_norm:
            raise ParameterError("A pyradiomics parameter file cannot take back weighting_norm for one image type.")
        if name not in IMAGE_TYPES:
            raise ParameterError(f"A pyradiomics parameter file cannot hold the filter {kind!r}.")
        if isinstance(kind, LoG):
            entry = found.setdefault(name, {**own, "sigma": []})
            if {**own, "sigma": entry["sigma"]} != entry:
                raise ParameterError("A pyradiomics parameter file cannot measure two LoG filters in two ways.")
            entry["sigma"].append(kind.sigma)
            continue
        if name in found or getattr(kind, "subband", None) is not None:
            raise ParameterError(f"A pyradiomics parameter file holds one {name} with all of its images, not {kind!r}.")
        found[name] = own | {theirs: getattr(kind, ours) for theirs, ours in IMAGE_TYPES[name].items()}
    return found
