"""Where in the image a network found its score: Grad-CAM and occlusion, on the image's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import SimpleITK as sitk
from numpy.typing import NDArray

from radiokit.deep._base import DeepModel
from radiokit.deep._cells import along_axes, spread
from radiokit.deep._torch import computing_in, repeatable, require_torch, resolve_device
from radiokit.deep.case import Case, open_case, rows_of
from radiokit.deep.reader import Cases, Reader
from radiokit.exceptions import InputError
from radiokit.io import Volume, from_sitk, to_sitk
from radiokit.preprocessing.choices import check_setting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from radiokit.deep._scorer import Scorer

METHODS = ("gradcam", "hirescam", "occlusion")
# A map of fewer cells along an axis does not show where.
FEWEST_CELLS = 6
# A cube that hides a part of the crop measures this part of it, and moves by half of itself.
CUBE = 4


def attribution_map(
    model: DeepModel,
    case: pd.DataFrame | pd.Series | NDArray[Any],
    *,
    method: str = "gradcam",
    layer: str | None = None,
) -> Volume:
    r"""Show where in an image a fitted network found its score.

    Parameters
    ----------
    model : DeepClassifier or DeepSurvival
        Fitted.
    case : DataFrame of one row, Series, or ndarray of shape (channels, z, y, x)
        A case as the model predicts it.
    method : {"gradcam", "hirescam", "occlusion"}
        ``"gradcam"``: the features of a layer, weighed by their mean gradient, where their sum is positive (Selvaraju
        et al. 2017, doi:10.1109/ICCV.2017.74). ``"hirescam"``: by the gradient of each cell, which is sharper before
        the last layer (Draelos and Carin 2020, arXiv:2011.08891). ``"occlusion"``: by how much the score falls when a
        cube of the crop is hidden behind the training mean (Zeiler and Fergus 2014,
        doi:10.1007/978-3-319-10590-1_53); negative where hiding raises it.
    layer : str, optional
        Stage of the network for Grad-CAM. The deepest one whose map still has 6 cells along every axis if absent.

    Returns
    -------
    Volume
        On the grid of the case's first image, 0 outside of the crop; for an array on its own grid. In units of the
        score (log-odds, log hazard), never rescaled: maps of different cases compare.

    Raises
    ------
    InputError
        If there is not one case.
    ParameterError
        If `method` or `layer` is unknown.

    Notes
    -----
    For features that are averaged and weighed linearly both maps of the last layer are exactly what each cell adds to
    the score, negative cells set to 0. The map is of the network's own score: with late fusion without the clinical
    columns. Nothing stays on the model.

    *How to read it.* It shows what the network looked at, not that this is right, nor why. Look at cases without the
    event too, and compare both methods; maps of a network without predictive value mean nothing. Grad-CAM is 0
    throughout where all that the network saw speaks against the event; occlusion keeps the sign.

    Examples
    --------
    >>> heat = attribution_map(model, cases.loc[["P01"]])  # doctest: +SKIP
    >>> FeatureMapDisplay.from_volumes(image, heat).plot_slices()  # doctest: +SKIP
    """
    require_torch("attribution_map")
    check_setting("", "method", method, METHODS)
    table = _one_case(case)
    inputs, _ = model._prepared(table)
    learnt = model._learnt
    device = resolve_device(model.training.device)
    plan = learnt.network.plan
    with repeatable(device, threads=model.training.threads, strict=False), computing_in("float32", device):
        network = learnt.network.module(device)
        parts = list(inputs.tensors(slice(None), device))
        parts[0] = network.standardise(parts[0], parts[1])
        if method == "occlusion":
            found = _occlusion(network, parts, learnt.reader.are_images)
        else:
            cells, name = _activation_map(network, parts, layer, average=method == "gradcam")
            stages = along_axes(plan.encoder.stage(name), slices_alone=plan.slices_alone)
            found = spread(stages, cells, parts[0].shape[2:])
    if not learnt.reader.sequences:
        return Volume(found)
    return _on_image(found, table, learnt.reader)


def _one_case(case: pd.DataFrame | pd.Series | NDArray[Any]) -> Cases:
    table = case.to_frame().T if isinstance(case, pd.Series) else case
    if isinstance(table, np.ndarray) and table.dtype != object:
        table = table[None]
    if len(table) != 1:
        raise InputError(f"{len(table)} cases; required: one, as cases.loc[['P01']] or one patch.")
    return table


def _activation_map(
    network: Scorer, parts: list[Tensor], layer: str | None, *, average: bool
) -> tuple[NDArray[np.float64], str]:
    """Return features of a stage times their gradients, summed over channels, where positive; and the stage."""
    torch = require_torch()
    names = list(network.trunk.layers)
    check_setting("", "layer", layer, (None, *names))
    kept: dict[str, Tensor] = {}
    hooks = []
    for name in [layer] if layer else names:

        def keep(module: nn.Module, inputs: object, output: Tensor, name: str = name) -> None:
            kept[name] = output

        hooks.append(network.trunk.layer(name).register_forward_hook(keep))
    try:
        with torch.inference_mode(False), torch.enable_grad():
            score = network(*(part.clone() for part in parts))
            chosen = layer or _deepest(kept, names, parts[0].shape[2:])
            features = kept[chosen]
            (gradient,) = torch.autograd.grad(score.sum(), features)
    finally:
        for hook in hooks:
            hook.remove()
    if average:
        gradient = gradient.mean(dim=tuple(range(2, features.ndim)), keepdim=True)
    cells = torch.relu((gradient * features).sum(dim=1)).detach().double().cpu().numpy()
    # Slices are a batch of 2D features: one map each.
    return (cells[0] if features.ndim == 5 else cells), chosen


def _deepest(kept: dict[str, Tensor], names: Sequence[str], size: Sequence[int]) -> str:
    """Return the deepest stage whose map still has enough cells along every axis."""
    for name in reversed(names):
        cells = kept[name].shape[2:]
        if all(c >= min(FEWEST_CELLS, n) for c, n in zip(cells, size[-len(cells) :], strict=True)):
            return name
    return names[0]


def _occlusion(network: Scorer, parts: list[Tensor], are_images: tuple[bool, ...]) -> NDArray[np.float64]:
    """Return for each voxel the mean fall of the score over the cubes that hide it."""
    torch = require_torch()
    images, present, clinical = parts
    hide = torch.as_tensor(are_images, device=images.device)
    total, count = np.zeros(tuple(images.shape[2:])), np.zeros(tuple(images.shape[2:]))
    with torch.inference_mode():
        whole = float(network(images, present, clinical)[0])
        for box in _boxes(tuple(images.shape[2:])):
            hidden = images.clone()
            hidden[(slice(None), hide, *box)] = 0.0
            total[box] += whole - float(network(hidden, present, clinical)[0])
            count[box] += 1
    return total / count


def _boxes(size: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    along = []
    for n in size:
        edge = max(1, n // CUBE)
        starts = sorted({*range(0, n - edge + 1, (edge + 1) // 2), n - edge})
        along.append([slice(s, s + edge) for s in starts])
    yield from product(*along)


def _on_image(values: NDArray[np.float64], table: pd.DataFrame, reader: Reader) -> Volume:
    """Put the voxels of the crop back into the patient, and read them at the voxels of the first image."""
    case: Case = open_case(next(iter(rows_of(table, reader.sequences))))
    image = next(i for i in case.images if i is not None)
    reference = to_sitk(image)
    found = np.zeros(image.shape)
    start = 0
    for frame in reader.frames(case):
        part = Volume(values[start : start + frame.size[0]], frame.spacing, frame.origin, frame.direction)
        back = sitk.Resample(to_sitk(part), reference, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat64)
        other = np.asarray(from_sitk(back).array)
        # Where slices of three orientations cross, the stronger one shows.
        found = np.where(np.abs(other) > np.abs(found), other, found)
        start += frame.size[0]
    return Volume(found, image.spacing, image.origin, image.direction)
