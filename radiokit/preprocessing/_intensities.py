"""Intensities made comparable: a CT window, the bias field of MR, a common scale learnt from a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import InputError, ParameterError
from radiokit.io import Mask, Volume, from_sitk, to_sitk

PERCENTILES = (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 99.0)


def window(volume: Volume, level: float, width: float) -> Volume:
    """Clip intensities to a window, as for viewing CT.

    Parameters
    ----------
    volume : Volume
        The image; it is not changed.
    level : float
        Middle of the window (HU): 40 for soft tissue, -600 for lung.
    width : float
        Width of the window (HU): 400 for soft tissue, 1500 for lung.

    Returns
    -------
    Volume
        Values below ``level - width / 2`` and above ``level + width / 2`` are set to these limits.

    Raises
    ------
    ParameterError
        If the width is not positive.

    Examples
    --------
    >>> window(Volume(np.array([[[-1000.0, 50.0, 900.0]]])), level=40, width=400).array.tolist()
    [[[-160.0, 50.0, 240.0]]]
    """
    if not width > 0:
        raise ParameterError(f"width={width!r}; required: above 0.")
    return volume.with_array(np.clip(volume.array, level - width / 2, level + width / 2))


def correct_bias(
    volume: Volume, mask: Mask | None = None, *, shrink: int = 4, iterations: Sequence[int] = (50, 50, 50, 50)
) -> Volume:
    """Remove the slow change of brightness across an MR image (N4).

    Parameters
    ----------
    volume : Volume
        The image, with values from 0 on.
    mask : Mask, optional
        Where the field is estimated: the body. None takes what Otsu's threshold finds bright.
    shrink : int
        The field is estimated on every n-th voxel along each axis.
    iterations : sequence of int
        Iterations at each level of the B-spline grid, coarse to fine.

    Returns
    -------
    Volume
        The image divided by its bias field, float64, at full resolution.

    Raises
    ------
    InputError
        If values are negative, not finite or constant.

    Notes
    -----
    Tustison et al. 2010, doi 10.1109/TMI.2010.2046908, as implemented in ITK.

    Examples
    --------
    >>> z, y, x = np.indices((16, 24, 24))
    >>> body = (y - 12) ** 2 + (x - 12) ** 2 < 100
    >>> image = Volume((100.0 + 20 * ((x // 3 + y // 3) % 2)) * np.exp(x / 25) * body)
    >>> found = correct_bias(image, Mask(body), shrink=1, iterations=(30, 30)).array
    >>> bool(found[body].std() / found[body].mean() < 0.5 * image.array[body].std() / image.array[body].mean())
    True
    """
    import SimpleITK as sitk

    low, high = float(volume.array.min()), float(volume.array.max())
    if not np.isfinite([low, high]).all() or low < 0 or low == high:
        raise InputError(f"The image ranges from {low:g} to {high:g}; N4 needs finite values from 0 on, not all equal.")
    image = sitk.Cast(to_sitk(volume), sitk.sitkFloat32)
    region = sitk.OtsuThreshold(image, 0, 1, 200) if mask is None else to_sitk(mask)
    factors = [min(shrink, n) for n in image.GetSize()]
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([int(n) for n in iterations])
    corrector.Execute(sitk.Shrink(image, factors), sitk.Shrink(region, factors))
    field = from_sitk(sitk.Exp(corrector.GetLogBiasFieldAsImage(image))).array
    return volume.with_array(volume.array / field)


class NyulNormalizer:
    """Common intensity scale for MR images of one sequence, learnt from a cohort.

    Parameters
    ----------
    percentiles : sequence of float
        Landmarks of the histogram, ascending, in percent.
    scale : tuple of 2 float
        Where the first and the last landmark go.

    Attributes
    ----------
    landmarks_ : ndarray of shape (n_percentiles,)
        The standard scale: mean landmarks of the training images.

    Notes
    -----
    Each training image is mapped linearly so that its first and last landmark fall on `scale`; the standard scale is
    the mean of the mapped landmarks. Any image is then mapped piecewise linearly, landmark to landmark; beyond the
    first and last the outer pieces are extended (Nyul et al. 2000, doi 10.1109/42.836373). Learn it on training images
    only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> images = [Volume(gain * rng.gamma(5.0, size=(8, 8, 8))) for gain in (1, 3, 10)]
    >>> same = [NyulNormalizer().fit(images).transform(image).array.mean() for image in images]
    >>> bool(np.ptp(same) / np.mean(same) < 0.1)
    True
    """

    def __init__(
        self, *, percentiles: Sequence[float] = PERCENTILES, scale: tuple[float, float] = (0.0, 100.0)
    ) -> None:
        self.percentiles = percentiles
        self.scale = scale

    def fit(self, images: Iterable[Volume], masks: Iterable[Mask | None] | None = None) -> Self:
        """Learn the standard scale.

        Parameters
        ----------
        images : iterable of Volume
            Training images; one is held at a time.
        masks : iterable of Mask, optional
            Where each histogram is taken: the body or the organ. None takes all voxels.

        Returns
        -------
        NyulNormalizer
            This object.

        Raises
        ------
        ParameterError
            If percentiles or scale are not ascending.
        InputError
            If there is no image, or the first and last landmark of one are equal.
        """
        wanted, (low, high) = np.asarray(self.percentiles, dtype=float), self.scale
        if wanted.size < 2 or (np.diff(wanted) <= 0).any() or wanted[0] < 0 or wanted[-1] > 100 or not low < high:
            raise ParameterError(
                f"percentiles={self.percentiles!r}, scale={self.scale!r}; required: both ascending, 0 to 100 percent."
            )
        found = []
        where = iter(masks) if masks is not None else None
        for number, image in enumerate(images):
            marks = self._marks(image, next(where) if where is not None else None)
            if marks[0] == marks[-1]:
                raise InputError(f"Image {number} has the same value at {wanted[0]:g} and {wanted[-1]:g} percent.")
            found.append(low + (marks - marks[0]) * (high - low) / (marks[-1] - marks[0]))
        if not found:
            raise InputError("There is no image to learn the scale from.")
        self.landmarks_ = np.mean(found, axis=0)
        return self

    def transform(self, image: Volume, mask: Mask | None = None) -> Volume:
        """Map an image to the standard scale.

        Parameters
        ----------
        {image}
        mask : Mask, optional
            As in `fit`.

        Returns
        -------
        Volume
            float64.
        """
        if not hasattr(self, "landmarks_"):
            raise ParameterError("NyulNormalizer is not fitted: call fit with training images first.")
        marks = self._marks(image, mask)
        kept = np.concatenate([[True], np.diff(marks) > 0])  # landmarks that coincide carry no slope
        marks, standard = marks[kept], self.landmarks_[kept]
        if marks.size < 2:
            raise InputError("The image is constant between its landmarks; it cannot be mapped.")
        slopes = np.diff(standard) / np.diff(marks)
        piece = np.clip(np.searchsorted(marks, image.array, side="right") - 1, 0, slopes.size - 1)
        return image.with_array(standard[piece] + (image.array - marks[piece]) * slopes[piece])

    def _marks(self, image: Volume, mask: Mask | None) -> NDArray[np.float64]:
        values = image.array if mask is None else image.array[mask.array]
        if values.size == 0 or not np.isfinite(values).all():
            raise InputError("The histogram needs at least one voxel, and finite values.")
        return np.percentile(values, self.percentiles)
