"""One sequence on the grid of another: by their places in the patient, or after a rigid registration."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from radiokit.exceptions import DataWarning, GeometryError, MaskError
from radiokit.io import Grid, Mask, Volume, check_geometry, to_sitk
from radiokit.io.geometry import on_grid_of as mask_on_grid_of
from radiokit.preprocessing._grids import Grid as Places
from radiokit.preprocessing._grids import resampler
from radiokit.preprocessing.choices import check_setting, sitk_name

if TYPE_CHECKING:
    import SimpleITK as sitk

AnyGrid = TypeVar("AnyGrid", Volume, Mask)
INTERPOLATORS = ("linear", "cubic", "nearest")
STARTS = ("patient", "centre")
BINS = 32
SAMPLES = 100_000  # voxels for the mutual information
STEPS_MM = (8.0, 4.0, 2.0)  # voxels of the pyramid, coarse to fine
ITERATIONS = 100
LOST = 0.8  # of the mutual information at the start


def on_grid_of(moving: AnyGrid, reference: Grid, *, interpolator: str = "linear") -> AnyGrid:
    """Put an image or a mask onto the grid of another, by their places in the patient.

    Parameters
    ----------
    moving : Volume or Mask
        What to put there, such as the mask drawn on another sequence.
    reference : Volume or Mask
        Whose grid to use.
    interpolator : {"linear", "cubic", "nearest"}
        For an image; a mask takes the nearest voxel.

    Returns
    -------
    Volume or Mask
        On the reference's grid. An image is float64, and NaN beyond its own borders, which extraction refuses inside of
        a region.

    Raises
    ------
    ParameterError
        If `interpolator` is unknown.
    MaskError
        If no voxel of a region is left.

    Warns
    -----
    DataWarning
        If a part of a region lies outside of the reference: it is lost. `require_inside` makes that an error.

    Notes
    -----
    Nothing is registered: a patient who moved between two sequences needs `align`.

    Examples
    --------
    >>> coarse = Mask(np.ones((1, 2, 2), bool), spacing=(1, 2, 2), origin=(0, 0.5, 0.5))
    >>> on_grid_of(coarse, Volume(np.zeros((1, 4, 4)))).array.sum()
    np.int64(16)
    """
    if isinstance(moving, Mask):
        return mask_on_grid_of(moving, reference)  # type: ignore[return-value]
    import SimpleITK as sitk

    return _sampled(moving, reference, sitk.Transform(3, sitk.sitkIdentity), interpolator)


@dataclass(frozen=True, eq=False)
class Alignment:
    """A rigid registration: where each point of the fixed image lies in the moving one.

    Parameters
    ----------
    fixed : Volume
        The image that stays; its grid is that of every result.
    rotation : tuple of 3 float
        Degrees about the axes z, y, x of the patient, through the middle of the fixed image.
    translation : tuple of 3 float
        In mm along z, y, x, from fixed to moving.
    mutual_information : float
        Of both images after alignment, in nats (Mattes); larger is better.
    transform : SimpleITK.Transform
        The same as ITK's object, for tools that read it.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> image = Volume(np.zeros((4, 4, 4)))
    >>> still = Alignment(image, (0, 0, 0), (0, 0, 0), 0.0, sitk.Euler3DTransform())
    >>> still.apply(Mask(np.ones((4, 4, 4), bool))).array.all()
    np.True_
    """

    fixed: Volume
    rotation: tuple[float, float, float]
    translation: tuple[float, float, float]
    mutual_information: float
    transform: sitk.Transform

    def apply(self, moving: AnyGrid, *, interpolator: str = "linear") -> AnyGrid:
        """Bring the moving image, or a mask drawn on it, onto the fixed image.

        Parameters
        ----------
        moving : Volume or Mask
            In the place of the image that was registered, on any grid.
        interpolator : {"linear", "cubic", "nearest"}
            For an image; a mask is interpolated linearly, and in from one half on.

        Returns
        -------
        Volume or Mask
            On the grid of the fixed image. An image is float64, and NaN beyond its own borders.

        Raises
        ------
        MaskError
            If no voxel of a region is left.
        """
        if not isinstance(moving, Mask):
            return _sampled(moving, self.fixed, self.transform, interpolator)
        share = Volume(moving.array.astype(np.float32), moving.spacing, moving.origin, moving.direction)
        inside = _sampled(share, self.fixed, self.transform, "linear", beyond=0.0).array >= 0.5
        if not inside.any():
            raise MaskError("No voxel of the region is left on the fixed image. Do the two show the same place?")
        fixed = self.fixed
        return type(moving)(inside, fixed.spacing, fixed.origin, fixed.direction, moving.metadata)

    def __repr__(self) -> str:
        turns, shifts = ("/".join(f"{v:.2f}" for v in values) for values in (self.rotation, self.translation))
        return f"Alignment(rotation {turns} degrees, translation {shifts} mm (z/y/x), MI {self.mutual_information:.3f})"


def align(
    moving: Volume, fixed: Volume, *, within: Mask | None = None, start: str = "patient", random_state: int = 0
) -> Alignment:
    """Register an image rigidly to another of the same patient, of any sequence or modality.

    Parameters
    ----------
    moving : Volume
        The image that is moved.
    fixed : Volume
        The image that stays.
    within : Mask, optional
        Where the images are compared, on the grid of the fixed one: the head, or an organ. None is everywhere.
    start : {"patient", "centre"}
        Where to begin: with the positions in the patient (two sequences of one examination), or with the centres of
        both grids on each other (two examinations).
    random_state : int
        Seed of the voxels that are compared; it has to be above 0 for ITK, so 0 is taken as 1.

    Returns
    -------
    Alignment
        `Alignment.apply` brings the moving image, and masks drawn on it, onto the fixed one.

    Raises
    ------
    ParameterError
        If `start` is unknown.
    GeometryError
        If the images do not overlap, or `within` is not on the fixed grid.

    Warns
    -----
    DataWarning
        If the search ended in a worse place than it began; then the start is returned.

    Notes
    -----
    Maximises Mattes' mutual information (doi:10.1109/TMI.2003.809072) with ITK, on voxels of 8, 4 and 2 mm, on one
    thread, so that the same input gives the same result. Nothing bends: organs that breathe need a deformable
    registration from elsewhere. Look at the result before it is used, and give it whole images: a crop of a few
    centimetres around a lesion does not register reliably.

    Examples
    --------
    >>> z, y, x = np.indices((24, 32, 32))
    >>> body = ((z - 12) / 8) ** 2 + ((y - 16) / 12) ** 2 + ((x - 16) / 9) ** 2 < 1
    >>> fixed = Volume(100.0 * body + 50 * (body & (x > 18)))
    >>> moving = Volume(300 - fixed.array, origin=(0, 0, 3))  # other contrast, table 3 mm further
    >>> found = align(moving, fixed)
    >>> [abs(round(shift)) for shift in found.translation]
    [0, 0, 3]
    """
    import SimpleITK as sitk

    check_setting("", "start", start, STARTS)
    target, source = (sitk.Cast(to_sitk(image), sitk.sitkFloat32) for image in (fixed, moving))
    where = None if within is None else to_sitk(check_geometry(fixed, within))
    transform = _initial(target, source, start)
    begin = sitk.Euler3DTransform(transform)
    try:
        before = -_metric(target, where, begin, random_state).MetricEvaluate(target, source)
        for step in STEPS_MM:
            coarse, method = _coarse(target, step), _metric(target, where, transform, random_state)
            method.SetOptimizerAsRegularStepGradientDescent(step / 4, 1e-3, ITERATIONS)
            method.SetOptimizerScalesFromPhysicalShift()
            method.Execute(coarse, _coarse(source, step))
        after = -_metric(target, where, transform, random_state).MetricEvaluate(target, source)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise GeometryError(
            f"The images could not be registered ({reason}). Do they overlap? start='centre' begins with their middles "
            "on each other."
        ) from error
    if after < LOST * before:
        warnings.warn(
            f"Registration failed (mutual information {before:.3f} before, {after:.3f} after): the start "
            "is returned. Small crops and noisy images do not register; take the whole images, or `within=` an organ.",
            DataWarning,
            stacklevel=2,
        )
    if after < before:
        transform, after = begin, before
    return Alignment(fixed, *_parts(transform), after, transform)


def _metric(
    target: sitk.Image, where: sitk.Image | None, transform: sitk.Transform, seed: int
) -> sitk.ImageRegistrationMethod:
    """Mutual information of a transform, on one thread: the order of a sum must not change a result."""
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    if target.GetNumberOfPixels() > SAMPLES:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(SAMPLES / target.GetNumberOfPixels(), seed=max(1, seed))
    if where is not None:
        method.SetMetricFixedMask(where)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(transform, inPlace=True)
    return method


def _coarse(image: sitk.Image, step: float) -> sitk.Image:
    """Smooth and thin out an image to voxels of about `step` mm, whatever its own."""
    import SimpleITK as sitk

    factors = [max(1, min(int(step / s), n // 8)) for s, n in zip(image.GetSpacing(), image.GetSize(), strict=True)]
    if max(factors) == 1:
        return image
    sigmas = [step / 2 if k > 1 else 1e-3 * s for k, s in zip(factors, image.GetSpacing(), strict=True)]
    return sitk.Shrink(sitk.SmoothingRecursiveGaussian(image, sigmas), factors)


def _initial(target: sitk.Image, source: sitk.Image, start: str) -> sitk.Euler3DTransform:
    import SimpleITK as sitk

    if start == "centre":
        geometry = sitk.CenteredTransformInitializerFilter.GEOMETRY
        found = sitk.CenteredTransformInitializer(target, source, sitk.Euler3DTransform(), geometry)
        return sitk.Euler3DTransform(found)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(target.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in target.GetSize()]))
    return transform


def _parts(transform: sitk.Euler3DTransform) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    x, y, z = transform.GetTranslation()
    angles = np.degrees([transform.GetAngleZ(), transform.GetAngleY(), transform.GetAngleX()])
    turn_z, turn_y, turn_x = (float(angle) for angle in angles)
    return (turn_z, turn_y, turn_x), (z, y, x)


def _sampled(
    moving: Volume, reference: Grid, transform: sitk.Transform, interpolator: str, *, beyond: float = np.nan
) -> Volume:
    import SimpleITK as sitk

    check_setting("", "interpolator", interpolator, INTERPOLATORS)
    grid = resampler(Places.of(reference))
    grid.SetTransform(transform)
    grid.SetInterpolator(getattr(sitk, sitk_name(interpolator)))
    grid.SetDefaultPixelValue(beyond)
    grid.SetOutputPixelType(sitk.sitkFloat64)
    array = sitk.GetArrayFromImage(grid.Execute(to_sitk(moving)))
    return Volume(array, reference.spacing, reference.origin, reference.direction, moving.metadata)
