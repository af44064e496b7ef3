"""`make_cohort`: images, masks and a case table on disk, with the truth that made them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.datasets import _phantom as phantom
from radiokit.datasets import _truth as planted
from radiokit.datasets._truth import CohortTruth
from radiokit.exceptions import ParameterError
from radiokit.io import Mask, Volume, read_cases, write_volume
from radiokit.utils import atomic_write, parallel_map, spawn_seeds

CLINICAL = ["age", "sex", "cea", "stage"]
OUTCOMES = ["outcome", "event", "time"]


@dataclass(frozen=True, eq=False, repr=False)
class Cohort:
    """A synthetic cohort on disk.

    Parameters
    ----------
    cases : DataFrame
        The case table as `radiokit.io.read_cases` gives it.
    folder : Path
        Where ``cases.csv``, ``images/`` and ``masks/`` lie.
    truth : CohortTruth
        What was planted.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_cohort(6, centers=2, folder=folder, random_state=0)
    Cohort(6 patients, 7 cases, 2 centres)
    """

    cases: pd.DataFrame
    folder: Path
    truth: CohortTruth

    def __repr__(self) -> str:
        patients, centers = self.cases["patient_id"].nunique(), self.cases["center"].nunique()
        return f"Cohort({patients} patients, {len(self.cases)} cases, {centers} centres)"


def make_cohort(
    n: int = 120,
    *,
    folder: str | os.PathLike[str],
    centers: int | Sequence[str] = 3,
    sequences: Sequence[str] = ("ct",),
    effect: float = 1.0,
    necrosis: float = 0.0,
    missing: float = 0.05,
    second_lesions: float = 0.1,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Cohort:
    r"""Write a multi-centre cohort of segmented tumours whose truth is known.

    Parameters
    ----------
    n : int
        Number of patients.
    folder : path
        Where to write ``images/``, ``masks/`` and ``cases.csv``; made if absent. Files of the same name are replaced.
    centers : int or sequence of str
        Number of centres (named A, B, C, ...) or their names. Patients are dealt to them evenly and at random.
    sequences : sequence of str
        Names of the image sequences. ``"ct"`` is CT-like (HU); any other name is MR-like (arbitrary units, a scale of
        its own in every examination). With one name the case table has columns ``image`` and ``mask``, with several
        ``image_<name>`` and ``mask_<name>``.
    effect : float
        Multiplies every planted coefficient. 0 plants nothing: outcome and relapse are then independent of everything.
    necrosis : float
        HU by which a core of each tumour is darker; its radius grows with heterogeneity. 0 draws none, and what
        heterogeneity does is then hard to see but for texture features; about 60 is what a small network finds in a
        hundred patients. Seen in every sequence.
    missing : float
        Share of values of ``cea`` and ``stage`` that are missing, completely at random.
    second_lesions : float
        Share of patients with a second lesion: two rows, two masks, one image, the same ``patient_id`` and outcome.
    random_state : int, RandomState, Generator or None
        Seed. One seed for each patient: `n_jobs` changes nothing.
    {n_jobs} {progress}

    Returns
    -------
    Cohort
        ``cases``, ``folder`` and ``truth``.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Notes
    -----
    For each patient, four standard normal latent variables drive the outcome,

    .. math:: \operatorname{logit} P(\text{outcome}) = \beta_0 + e\,(1.8\,h + 1.2\,s + 1.0\,a + 1.0\,c),

    with heterogeneity h, irregularity s, age a (decades from 62 years), log CEA c and e = `effect`; the intercept makes
    40 % of the population positive. Relapse times follow a Weibull law of shape 1.3 with log hazard ratios 0.9 h +
    0.5 s + 0.5 a + 0.5 c, censored uniformly between 18 and 60 months. Sex, stage, volume and centre have no effect.

    Heterogeneity shortens the correlation length of the tumour's texture at equal variance (so it moves texture
    features and not the histogram); irregularity roughens a star-shaped outline at equal volume. Centres differ in
    intensity gain and offset, noise and slice thickness. Images are 96 mm wide with voxels of 1.5 mm in plane.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cohort = make_cohort(6, centers=["Oslo", "Lyon"], folder=folder, random_state=0)
    >>> cohort.cases[["center", "outcome"]].head(2)
             center  outcome
    case_id
    P1_1       ...
    """
    names, sequences = _checked(n, centers, sequences, effect, missing, second_lesions)
    if not np.isfinite(necrosis) or necrosis < 0:
        raise ParameterError(f"necrosis is {necrosis}; required: a finite number of HU >= 0 (0 draws none).")
    table_seed, *image_seeds = spawn_seeds(random_state, n + 1)
    rng = np.random.default_rng(table_seed)
    scanners = {name: _draw_scanner(rng, first=i == 0) for i, name in enumerate(names)}
    patients = planted.draw_patients(n, names, effect, rng)
    lesions = _draw_lesions(patients, second_lesions, rng)
    folder = Path(folder).resolve()
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    patients = patients.set_index("patient_id")
    tasks = [
        (patient, found, scanners[str(patients.loc[patient, "center"])], seed)
        for (patient, found), seed in zip(lesions.items(), image_seeds, strict=True)
    ]
    write = partial(_write_patient, folder=folder, sequences=sequences, necrosis=necrosis)
    parallel_map(write, tasks, n_jobs=n_jobs, progress=progress, description="Drawing patients")
    visible = planted.hide(patients, ("cea", "stage"), missing, rng)
    with atomic_write(folder / "cases.csv") as draft:
        _case_table(lesions, visible, sequences).to_csv(draft, index=False)
    truth = CohortTruth(
        cases=_true_cases(lesions, patients),
        coefficients=planted.scaled_coefficients(effect),
        intercept=planted.intercept(effect),
        features=planted.FEATURES.copy(),
        planted_auc=planted.planted_auc(effect),
        auc=planted.sample_auc(patients),
        scanners=_scanner_table(scanners),
    )
    return Cohort(read_cases(folder / "cases.csv"), folder, truth)


def _checked(
    n: int, centers: int | Sequence[str], sequences: Sequence[str], effect: float, missing: float, second: float
) -> tuple[list[str], tuple[str, ...]]:
    names = [_letter(i) for i in range(centers)] if isinstance(centers, int) else [str(c) for c in centers]
    if not names or len(set(names)) < len(names):
        raise ParameterError(f"centers is {centers!r}; required: a positive number, or names that all differ.")
    if n < len(names):
        raise ParameterError(f"n is {n} for {len(names)} centres; required: at least one patient for each centre.")
    if isinstance(sequences, str):
        sequences = (sequences,)
    if not sequences or len(set(sequences)) < len(sequences) or not all(re.fullmatch(r"\w+", s) for s in sequences):
        raise ParameterError(
            f"sequences is {sequences!r}; required: names that all differ, of letters, digits and underscores."
        )
    if not np.isfinite(effect) or effect < 0:
        raise ParameterError(f"effect is {effect}; required: a finite number >= 0 (0 plants nothing).")
    for name, share in (("missing", missing), ("second_lesions", second)):
        if not 0 <= share <= 1:
            raise ParameterError(f"{name} is {share}; required: a share between 0 and 1.")
    return names, tuple(sequences)


def _letter(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else f"C{i + 1}"


def _draw_scanner(rng: np.random.Generator, *, first: bool) -> phantom.Scanner:
    """Draw a scanner: the first centre is the reference; the others deviate, each in its own way."""
    gain, offset, noise = rng.uniform(0.92, 1.08), rng.uniform(-15, 15), rng.uniform(5, 9)
    slices = int(rng.choice([2, 3]))
    return phantom.Scanner(1.0, 0.0, 5.0, 2) if first else phantom.Scanner(gain, offset, noise, slices)


def _draw_lesions(patients: pd.DataFrame, share: float, rng: np.random.Generator) -> dict[str, list[phantom.Lesion]]:
    """Draw a patient's lesions; a second lesion resembles the first and lies in the opposite corner."""
    second = rng.random(len(patients)) < share
    centers = (phantom.SIZE - 1) / 2 + rng.uniform(-2, 2, size=(len(patients), 3))
    first_latents = patients[["heterogeneity", "irregularity", "log_volume"]].to_numpy(dtype=float)
    second_latents = first_latents + 0.3 * rng.standard_normal((len(patients), 3))
    corner = np.array([0.0, 13.0, 13.0])
    lesions = {}
    for i, patient in enumerate(patients["patient_id"].astype(str)):
        lesions[patient] = [_lesion(first_latents[i], centers[i] - corner * second[i])]
        if second[i]:
            lesions[patient].append(_lesion(second_latents[i], centers[i] + corner))
    return lesions


def _lesion(latents: NDArray[np.float64], center: NDArray[np.float64]) -> phantom.Lesion:
    heterogeneity, irregularity, log_volume = latents.tolist()
    z, y, x = center.tolist()
    return phantom.Lesion(heterogeneity, irregularity, log_volume, center=(z, y, x))


def _write_patient(
    task: tuple[str, list[phantom.Lesion], phantom.Scanner, int],
    *,
    folder: Path,
    sequences: tuple[str, ...],
    necrosis: float,
) -> None:
    patient, lesions, scanner, seed = task
    rng = np.random.default_rng(seed)
    tissue, occupancies = phantom.draw_tissue(lesions, rng, necrosis=necrosis)
    for sequence in sequences:
        scan = phantom.scan_ct if sequence == "ct" else phantom.scan_mr
        image = Volume(scan(tissue, scanner, rng), spacing=scanner.spacing)
        write_volume(image, folder / _image_path(patient, sequence))
    for k, inside in enumerate(occupancies, start=1):
        mask = Mask(phantom.average_slices(inside, scanner.slices) >= 0.5, spacing=scanner.spacing)
        write_volume(mask, folder / _mask_path(f"{patient}_{k}"))


def _image_path(patient: str, sequence: str) -> str:
    return f"images/{patient}_{sequence}.nii.gz"


def _mask_path(case_id: str) -> str:
    return f"masks/{case_id}.nii.gz"


def _case_table(
    lesions: dict[str, list[phantom.Lesion]], visible: pd.DataFrame, sequences: tuple[str, ...]
) -> pd.DataFrame:
    rows = []
    for patient, found in lesions.items():
        for k in range(1, len(found) + 1):
            case_id = f"{patient}_{k}"
            row = {"case_id": case_id, "patient_id": patient, "center": visible.loc[patient, "center"]}
            for sequence in sequences:
                suffix = "" if len(sequences) == 1 else f"_{sequence}"
                row[f"image{suffix}"] = _image_path(patient, sequence)
                row[f"mask{suffix}"] = _mask_path(case_id)
            rows.append(row | visible.loc[patient, CLINICAL + OUTCOMES].to_dict())
    return pd.DataFrame(rows)


def _true_cases(lesions: dict[str, list[phantom.Lesion]], patients: pd.DataFrame) -> pd.DataFrame:
    kept = ["center", "age", "cea", "linear_predictor", "probability", "log_hazard"]
    rows = []
    for patient, found in lesions.items():
        for k, lesion in enumerate(found, start=1):
            latents = {
                "heterogeneity": lesion.heterogeneity,
                "irregularity": lesion.irregularity,
                "log_volume": lesion.log_volume,
                "length_mm": phantom.correlation_length(lesion.heterogeneity),
            }
            rows.append(
                {"case_id": f"{patient}_{k}", "patient_id": patient} | patients.loc[patient, kept].to_dict() | latents
            )
    return pd.DataFrame(rows).set_index("case_id")


def _scanner_table(scanners: dict[str, phantom.Scanner]) -> pd.DataFrame:
    rows = [(name, s.gain, s.offset, s.noise, s.spacing[0]) for name, s in scanners.items()]
    return pd.DataFrame(rows, columns=["center", "gain", "offset", "noise", "slice_thickness"]).set_index("center")
