"""Perturbed images and regions: turned, shifted, noisier, with another outline."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radiokit.exceptions import InputError, ParameterError
from radiokit.io import Mask, Volume, check_geometry
from radiokit.preprocessing._contours import Seed, grow, randomize_contour
from radiokit.preprocessing._move import REACH_MM, move
from radiokit.preprocessing._noise import estimate_noise
from radiokit.preprocessing.boxes import bounding_box, crop, widen
from radiokit.utils import spawn_seeds

Translation = float | Sequence[float]
Noise = float | str  # "estimate", or True for the same


@dataclass(frozen=True)
class Perturbation:
    """One way to change an image and its region; the fields are applied in the order noise, motion, growth, outline.

    Parameters
    ----------
    rotation : float
        Degrees in the axial plane, from y towards x, about the middle of the region's box.
    translation : float or tuple of 3 float
        Shift in voxels along z, y, x; one number is for all three. Use fractions of a voxel.
    noise : float or "estimate"
        Standard deviation of white Gaussian noise that is added, in the unit of the image; ``"estimate"`` adds as much
        again as `estimate_noise` finds around the region.
    growth : float
        As in `grow`: 0.1 adds a tenth of the volume.
    contour : bool
        As `randomize_contour`.
    repeat : int
        Number of the draw, where noise or outline are drawn several times.

    Raises
    ------
    ParameterError
        If a value is out of range.

    Examples
    --------
    >>> print(Perturbation(rotation=-10, translation=0.25, growth=0.1))
    rotation -10°, translation 0.25 voxel, growth +10%
    """

    rotation: float = 0.0
    translation: Translation = 0.0
    noise: float | str = 0.0
    growth: float = 0.0
    contour: bool = False
    repeat: int = 0

    def __post_init__(self) -> None:
        shift = np.broadcast_to(np.asarray(self.translation, dtype=float), (3,)) if _fits(self.translation) else None
        if shift is None or not np.isfinite([*shift, self.rotation]).all():
            raise ParameterError(
                f"rotation={self.rotation!r}, translation={self.translation!r}; required: degrees, and one number of "
                "voxels or three (z, y, x)."
            )
        object.__setattr__(self, "translation", tuple(shift.tolist()))
        if self.noise != "estimate" and not (isinstance(self.noise, int | float) and 0 <= self.noise < np.inf):
            raise ParameterError(f"noise={self.noise!r}; required: a standard deviation from 0 on, or 'estimate'.")
        if not np.isfinite(self.growth) or self.growth <= -1:
            raise ParameterError(f"growth={self.growth!r}; required: a number above -1, such as 0.1.")

    @staticmethod
    def grid(
        *,
        rotations: float | Iterable[float] = (),
        translations: float | Iterable[Translation] = (),
        noise: Noise | Iterable[Noise] = (),
        growth: float | Iterable[float] = (),
        randomize_contour: bool | int = False,
    ) -> tuple[Perturbation, ...]:
        """Combine every value with every other, as `perturb` does.

        Parameters
        ----------
        rotations, translations, noise, growth, randomize_contour
            As in `perturb`.

        Returns
        -------
        tuple of Perturbation
            In the order of nested loops, rotations outermost; equal ones are numbered by `repeat`.

        Raises
        ------
        ParameterError
            If a value is out of range, or nothing is asked for.

        Examples
        --------
        >>> [str(p) for p in Perturbation.grid(rotations=(-5, 5), randomize_contour=2)]
        ['rotation -5°, contour', 'rotation -5°, contour #2', 'rotation 5°, contour', 'rotation 5°, contour #2']
        """
        levels = ["estimate" if level is True else level for level in _listed(noise)]
        contours = [True] * int(randomize_contour)
        axes = [_listed(rotations), _listed(translations), levels, _listed(growth)]
        if not contours and not any(axes):
            raise ParameterError("No perturbation is asked for; required: at least one rotation, shift, noise, ...")
        product = itertools.product(*(axis or [0.0] for axis in axes), contours or [False])
        seen: dict[Perturbation, int] = {}
        found = []
        for change in itertools.starmap(Perturbation, product):
            seen[change] = seen.get(change, -1) + 1
            found.append(replace(change, repeat=seen[change]))
        return tuple(found)

    def apply(self, image: Volume, mask: Mask, *, random_state: Seed = None) -> tuple[Volume, Mask]:
        """Return the perturbed pair, on the grid of the image.

        Parameters
        ----------
        {image} {mask}
        random_state : int, Generator or None
            Seed of noise, outline and ties.

        Returns
        -------
        image : Volume
            Of the type of the image given; integers are rounded.
        mask : Mask
            The region.

        Raises
        ------
        InputError
            If image or mask are something else, or NaN voxels lie where they would be spread.
        GeometryError
            If image and mask do not share one grid.
        MaskError
            If the region is empty, or nothing would be left of it.

        Examples
        --------
        >>> image = Volume(np.arange(27).reshape(3, 3, 3))
        >>> moved, region = Perturbation(translation=(0, 0, 1)).apply(image, Mask(image.array == 13))
        >>> moved.array[1, 1].tolist(), region.array[1, 1].tolist()
        ([12, 12, 13], [False, False, True])
        """
        if not isinstance(image, Volume) or not isinstance(mask, Mask):
            raise InputError(
                f"image and mask are {type(image).__name__} and {type(mask).__name__}; required: Volume and Mask, as "
                "radiokit.io.read_volume and read_mask return them, or Volume(array, spacing) and Mask(array, spacing)."
            )
        mask = check_geometry(image, mask)
        rng = np.random.default_rng(random_state)
        dtype = image.array.dtype
        if self.noise:
            level = _noise_around(image, mask) if self.noise == "estimate" else float(self.noise)
            image = image.with_array(image.array + level * rng.standard_normal(image.shape))
        z, y, x = self.translation  # type: ignore[misc]
        if self.rotation or z or y or x:
            image, mask = move(image, mask, rotation=self.rotation, translation=(z, y, x))
        if self.growth:
            mask = grow(mask, self.growth, random_state=rng)
        if self.contour:
            mask = randomize_contour(image, mask, random_state=rng)
        return image.with_array(_as_type(image.array, dtype)), mask

    def __str__(self) -> str:
        z, y, x = self.translation  # type: ignore[misc]
        parts = [f"rotation {self.rotation:g}°"] if self.rotation else []
        if z or y or x:
            parts.append(f"translation {f'{z:g}' if z == y == x else f'{z:g}/{y:g}/{x:g}'} voxel")
        if self.noise:
            parts.append(f"noise {self.noise if isinstance(self.noise, str) else f'{self.noise:g}'}")
        if self.growth:
            parts.append(f"growth {100 * self.growth:+g}%")
        if self.contour:
            parts.append("contour")
        return (", ".join(parts) or "none") + (f" #{self.repeat + 1}" if self.repeat else "")


@dataclass(frozen=True, eq=False)
class Perturbed:
    """A perturbed image with its region, and what was done; unpacks as the pair.

    Parameters
    ----------
    image : Volume
        The image.
    mask : Mask
        The region, on the same grid.
    perturbation : Perturbation
        What was done; ``str()`` of it is a description.

    Examples
    --------
    >>> pair = Perturbed(Volume(np.zeros((1, 1, 1))), Mask(np.ones((1, 1, 1), bool)), Perturbation(growth=0.1))
    >>> image, mask = pair
    >>> pair.description
    'growth +10%'
    """

    image: Volume
    mask: Mask
    perturbation: Perturbation

    def __iter__(self) -> Iterator[Any]:
        return iter((self.image, self.mask))

    @property
    def description(self) -> str:
        """What was done, in words."""
        return str(self.perturbation)


def perturb(
    image: Volume,
    mask: Mask,
    *,
    rotations: float | Iterable[float] = (),
    translations: float | Iterable[Translation] = (),
    noise: Noise | Iterable[Noise] = (),
    growth: float | Iterable[float] = (),
    randomize_contour: bool | int = False,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> Iterator[Perturbed]:
    r"""Yield an image and its region after every combination of the changes that are asked for.

    Parameters
    ----------
    {image} {mask}
    rotations : float or sequence of float
        Degrees in the axial plane, about the middle of the region's box. Include 0 to keep the unturned image too.
    translations : float or sequence of (float or (z, y, x))
        Shifts by parts of a voxel; one number is for all three axes.
    noise : float, "estimate" or sequence of these
        Standard deviations of added white noise. ``"estimate"`` (or True) adds as much as `estimate_noise` finds; give
        it several times for several draws.
    growth : float or sequence of float
        Parts of the volume to add or take away, as `grow`.
    randomize_contour : bool or int
        How often `randomize_contour` draws a new outline; True is once.
    random_state : int, RandomState, Generator or None
        One seed for each combination.

    Yields
    ------
    Perturbed
        Unpacks as ``image, mask``; `description` names the change. One pair is held at a time.

    Raises
    ------
    ParameterError
        If a value is out of range, or nothing is asked for.
    InputError, GeometryError, MaskError
        As `Perturbation.apply`.

    Notes
    -----
    The perturbations of Zwanenburg et al. 2019 (doi:10.1038/s41598-018-36938-4). Rotation and shift are one cubic
    interpolation of the image within 50 mm of the region (nearest voxel beyond) and one linear interpolation of the
    mask, in from one half on. The pair stays on the grid of the image: an extractor that resamples interpolates once
    more, which smooths a little and makes the test, if anything, stricter.

    Examples
    --------
    >>> z, y, x = np.indices((20, 20, 20))
    >>> ball = Mask((z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 < 36)
    >>> image = Volume(np.random.default_rng(0).normal(40, 10, (20, 20, 20)))
    >>> for pair in perturb(image, ball, rotations=(-10, 10), growth=(-0.2, 0.2), random_state=0):
    ...     print(pair.description, pair.mask.array.sum() - ball.array.sum())
    rotation -10°, growth -20% ...
    rotation -10°, growth +20% ...
    rotation 10°, growth -20% ...
    rotation 10°, growth +20% ...
    """
    changes = Perturbation.grid(
        rotations=rotations,
        translations=translations,
        noise=noise,
        growth=growth,
        randomize_contour=randomize_contour,
    )
    seeds = spawn_seeds(random_state, len(changes))
    return (
        Perturbed(*change.apply(image, mask, random_state=seed), change)
        for change, seed in zip(changes, seeds, strict=True)
    )


def _listed(values: Any) -> list[Any]:
    return [values] if isinstance(values, str | float | int | np.number) else list(values)


def _fits(translation: Any) -> bool:
    return isinstance(translation, float | int | np.number) or np.shape(translation) == (3,)


def _noise_around(image: Volume, mask: Mask) -> float:
    return estimate_noise(crop(image, widen(bounding_box(mask), REACH_MM, mask)))


def _as_type(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return values in the type of the image; integers are rounded and stay in range."""
    if dtype.kind not in "iu" or values.dtype == dtype:
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
