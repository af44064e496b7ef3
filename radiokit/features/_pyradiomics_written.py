"""Parameter files of pyradiomics 3.0.1, written: from an extractor to the content of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiokit.exceptions import ParameterError
from radiokit.features._options import TextureOptions
from radiokit.features._pipeline import StandardPipeline
from radiokit.features._pyradiomics import PyradiomicsPipeline
from radiokit.features._pyradiomics_params import IMAGE_TYPES, REGION, TEXTURE
from radiokit.features._settings import FixedBinCount, RegionRules, Resampling, Resegmentation
from radiokit.filters import LoG
from radiokit.preprocessing.choices import sitk_name


def params_of(pipeline: StandardPipeline) -> dict[str, Any]:
    """Return the content of the parameter file that describes a pipeline; what a file cannot hold is an error."""
    if not isinstance(pipeline, PyradiomicsPipeline):
        raise ParameterError("standard='ibsi' has no pyradiomics parameter file.")
    _ = pipeline.names  # refuses what pyradiomics has no counterpart of
    how = pipeline.preparation
    setting = {
        **_written_binning(pipeline.discretization),
        **_written(pipeline.texture, TextureOptions(), TEXTURE),
        **_written(how.region, RegionRules(), REGION),
        **_written_resampling(how.resampling),
        **_written_resegmentation(how.resegmentation),
    }
    if pipeline.voxel_array_shift:
        setting["voxelArrayShift"] = _plain(pipeline.voxel_array_shift)
    if how.normalization is not None:
        setting |= {"normalize": True, "normalizeScale": how.normalization.scale}
        if how.normalization.outlier_sigma is not None:
            setting["removeOutliers"] = how.normalization.outlier_sigma
    families = pipeline.families or dict.fromkeys(pipeline.classes)
    written = {name: list(features) if features else None for name, features in families.items()}
    return {"setting": setting, "imageType": _written_filters(pipeline), "featureClass": written}


def _written(value: Any, default: Any, names: Mapping[str, str]) -> dict[str, Any]:
    changed = {t: getattr(value, o) for t, o in names.items() if getattr(value, o) != getattr(default, o)}
    return {name: _plain(v) for name, v in changed.items()}


def _every(value: Any, names: Mapping[str, str]) -> dict[str, Any]:
    found = {theirs: getattr(value, ours) for theirs, ours in names.items()}
    return {name: _plain(v) for name, v in found.items() if v is not None}


def _plain(value: Any) -> Any:
    """Return a value in the form of pyradiomics' schema: lists, and whole numbers without a point."""
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written_binning(by_family: Mapping[str, Any]) -> dict[str, Any]:
    if set(by_family) != {"default"}:
        raise ParameterError("A pyradiomics parameter file holds one discretisation, not one for each family.")
    binning = by_family["default"]
    return {"binCount": binning.count} if isinstance(binning, FixedBinCount) else {"binWidth": binning.width}


def _written_resampling(how: Resampling | None) -> dict[str, Any]:
    if how is None:
        return {}
    if how.round_intensities is not None:
        raise ParameterError("A pyradiomics parameter file cannot hold Resampling(round_intensities=...).")
    spacing = [v or 0 for v in reversed(how.spacing)]
    return {"resampledPixelSpacing": spacing, "interpolator": sitk_name(how.interpolator)}


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


def _written_filters(pipeline: PyradiomicsPipeline) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for measured in pipeline.filters:
        kind = measured.filter
        name = type(kind).__name__
        own = {
            **(_written_binning({"default": measured.discretization}) if measured.discretization else {}),
            **(_every(measured.texture, TEXTURE) if measured.texture else {}),
            **({} if measured.voxel_array_shift is None else {"voxelArrayShift": _plain(measured.voxel_array_shift)}),
        }
        if measured.texture and pipeline.texture.weighting_norm and not measured.texture.weighting_norm:
            raise ParameterError("A pyradiomics parameter file cannot switch weighting_norm off for one image type.")
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
