"""The frozen model on disk: one JSON file, checked when read, that holds numbers and text and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from radiokit import __version__
from radiokit.exceptions import FileError, InputError
from radiokit.study._domain import (
    check_imaging,
    flag_unlike,
    join_texts,
    resampled_axes,
    warn_of_several_rows,
)
from radiokit.study._file_schema import check_content
from radiokit.study._frozen import Clinical, Frozen  # noqa: F401  (Clinical: in the examples)
from radiokit.utils import Table, as_table, cell_text, level_key, read_bytes, write_text
from radiokit.utils.json import plain
from radiokit.utils.notebook import notebook_table

if TYPE_CHECKING:
    from radiokit.deep import DeepFeatureExtractor
    from radiokit.features import RadiomicsExtractor

FORMAT = "radiokit signature"
VERSION = 2
MOST_BYTES = 2**28
SHOWN = ("cohort", "source", "metric", "estimate", "ci_low", "ci_high", "n", "n_events")  # of its card, in a notebook
SHOWN_COLUMNS = 8
READS = (1, 2)  # of version 1, every score was a weighted sum


@dataclass(frozen=True, eq=False)
class FrozenSignature:
    """A frozen model with all that is needed to use it elsewhere.

    Parameters
    ----------
    model : Frozen
        The numbers.
    extraction : mapping
        Signature name to what its features are computed with: ``sequence``, ``prefix`` and ``params`` (the text of a
        parameter file), or an empty mapping where they came as a table.
    card : mapping
        What the model is, on whom it was built, how good it was, and what it must not be used for.
    nomogram : list of mapping
        Rows `variable, value, points`.
    domain : mapping
        Where the training cases lay: the distribution of what the model reads; modalities, units, voxel sizes.

    Examples
    --------
    >>> model = Frozen("clinical", "logistic", -1.0, (("age", 0.1),), clinical=(Clinical("age"),))
    >>> FrozenSignature(model).predict(pd.DataFrame({"age": [10.0]}, index=["a"])).loc["a", "probability"]
    np.float64(0.5)
    """

    model: Frozen
    extraction: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    nomogram: list[dict[str, Any]] = field(default_factory=list)
    domain: dict[str, Any] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """Show a notebook what the model weighs, what it reads of a case, and how good it was."""
        model = self.model
        reads = {"features": model.feature_names, "clinical": model.clinical_names, "images": model.column_names}
        weights = [("intercept", model.intercept), *model.weights]
        performance = [[row.get(name) for name in SHOWN] for row in self.card.get("performance", ())]
        needed = [(kind, len(names), ", ".join(names[:SHOWN_COLUMNS])) for kind, names in reads.items() if names]
        tables = (
            (f"{model.name}: {model.kind} model", ("score or column", "weight"), weights),
            ("What it reads of a case", ("kind", "columns", f"the first {SHOWN_COLUMNS}"), needed),
            ("Performance", SHOWN, performance),
        )
        return "".join(notebook_table(title, columns, rows) for title, columns, rows in tables if rows)

    @property
    def name(self) -> str:
        """Name of the model in its study."""
        return self.model.name

    @property
    def optional_sequences(self) -> list[str]:
        """Names of image sequences that a case may lack."""
        return [s for score in self.model.scores for s in score.optional]

    def predict(
        self, cases: pd.DataFrame | str | os.PathLike[str], *, n_jobs: int | None = None, progress: bool = False
    ) -> pd.DataFrame:
        """Predict new cases, from their features or from their images.

        Parameters
        ----------
        cases : DataFrame or path
            A case table. Where it has the columns of the features they are taken as they are; otherwise they are
            extracted from its images, with the settings the model was built with.
        n_jobs : int or None
            joblib workers of the extraction; never changes the result.
        progress : bool
            Show a bar on standard error.

        Returns
        -------
        DataFrame
            One row for each case: `probability, threshold, positive` (binary) or `risk, cut, risk_group` and survival
            at the horizons; the scores; `imputed`, `out_of_range`, `unknown_level` name the values to doubt.
            `typicality` is the share of training cases that lie at least as far from the others (a conformal p-value),
            NaN where it is not known; `unlike_training` describes what is unlike, and is empty where nothing is.

        Raises
        ------
        InputError
            If a feature or clinical column is missing and cannot be computed, images are of a modality or in a unit
            (SUV, Bq/ml) that was not in training, or have voxels of another size that the settings do not resample.
        ExtractionError
            If an image cannot be read or measured.

        Examples
        --------
        >>> model = Frozen("clinical", "logistic", 0.0, (("age", 0.1),), clinical=(Clinical("age", low=40, high=80),))
        >>> FrozenSignature(model).predict(pd.DataFrame({"age": [90.0]}))["out_of_range"].tolist()
        ['age']
        """
        table = self._table(cases)
        lacking = [name for name in self.model.feature_names if name not in table.columns]
        unlike = pd.Series("", index=table.index)
        if lacking:
            extracted, unlike = self._extract(table, n_jobs=n_jobs, progress=progress, lacking=lacking)
            table = pd.concat([table, extracted], axis=1)
        return flag_unlike(self.model.predict(table), self.domain, table, unlike)

    def _table(self, cases: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
        """Return the table of new cases, with the columns of the model and, where it needs images, their files."""
        what = "the table of new cases"
        if not isinstance(cases, str | os.PathLike) or not os.path.isdir(cases):
            # Only columns that the model names are used, so that none has to be left out.
            given = as_table(cases, what, text=self.model.column_names, keep=lambda column: True, unnamed=True)
            has_images = any(c.lower().startswith("image") for c in given.frame.columns)
            lacking = any(name not in given.frame.columns for name in self.model.feature_names)
            reads = has_images and (lacking or bool(self.model.column_names))
            if isinstance(cases, pd.DataFrame) or not reads:
                return self._as_trained(given)
        from radiokit.io import read_cases

        return self._as_trained(as_table(read_cases(cases, optional=self.optional_sequences), what, text=_is_file))

    def _as_trained(self, given: Table) -> pd.DataFrame:
        """Return the cases with levels spelled as in training, and the numbers of the model as numbers."""
        table = given.frame
        warn_of_several_rows(table, self.card)
        present = [f for f in self.model.feature_names if f in table.columns]
        clinical = [c.name for c in self.model.clinical if not c.levels and c.name in table.columns]
        numbers = given.numbers(dict.fromkeys([*present, *clinical])).frame
        levels = {}
        for c in self.model.clinical:
            if c.levels and c.name in table.columns:
                known = {level_key(level): level for level in c.levels}
                text = table[c.name].astype(object).map(cell_text)
                levels[c.name] = text.map(lambda t, known=known: known.get(level_key(t), t) or None)
        return table.assign(**{c: numbers[c] for c in numbers}, **levels)

    def _extract(
        self, table: pd.DataFrame, *, n_jobs: int | None, progress: bool, lacking: list[str]
    ) -> tuple[pd.DataFrame, pd.Series]:
        from radiokit.study._sources import sequence_columns

        parts = []
        unlike = pd.Series("", index=table.index)
        for name, how in self.extraction.items():
            columns = sequence_columns(table, how["sequence"]) if "sequence" in how else pd.DataFrame()
            if not {"image", "mask"} <= set(columns):
                continue
            extractor = _extractor(how)
            names = {how["prefix"] + column for column in extractor.get_feature_names_out()}
            own = [f for f in lacking if f in names]
            if not own:
                continue
            measured = extractor.set_params(n_jobs=n_jobs, progress=progress).extract(columns)
            images = self.domain.get("imaging", {}).get(name, {})
            unlike = join_texts(unlike, check_imaging(images, measured.provenance, resampled=resampled_axes(extractor)))
            parts.append(measured.features.add_prefix(how["prefix"])[own])
        found = {c for part in parts for c in part.columns}
        absent = [c for c in lacking if c not in found]
        if absent:
            how_to = (
                "Give `image` and `mask` columns to compute them from."
                if any("sequence" in how for how in self.extraction.values())
                else "It was built from a feature table and holds no settings to compute them with: give that table."
            )
            raise InputError(
                f"the model {self.name!r} needs {len(absent)} features that the table lacks "
                f"({', '.join(absent[:5])}{', ...' if len(absent) > 5 else ''}). {how_to}"
            )
        return pd.concat(parts, axis=1), unlike

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file.

        Parameters
        ----------
        path : path
            Where to; written whole or not at all.

        Raises
        ------
        FileError
            If it cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> model = Frozen("clinical", "logistic", 0.0, (("age", 0.1),), clinical=(Clinical("age"),))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     FrozenSignature(model).save(f"{folder}/clinical.rk")
        ...     load_signature(f"{folder}/clinical.rk").name
        'clinical'
        """
        parts = {name: getattr(self, name) for name in ("extraction", "card", "nomogram", "domain")}
        content = plain({"model": self.model.plain(), **parts, "radiokit": __version__})
        document = {"format": FORMAT, "version": VERSION, "sha256": _digest(content), "content": content}
        write_text(path, json.dumps(document, indent=1, ensure_ascii=False))


def load_signature(path: str | os.PathLike[str]) -> FrozenSignature:
    """Read a frozen model, and check that its file was not changed. Loading executes nothing.

    Parameters
    ----------
    path : path
        File that a study wrote (``.rk``, JSON inside).

    Returns
    -------
    FrozenSignature
        Ready to `predict`; bit for bit what the study predicted.

    Raises
    ------
    FileError
        If the file is missing, not a frozen model, of a later version, or was changed after it was written.

    Notes
    -----
    The file is text that is parsed as JSON, numbers must be finite, and only names that the library lists are looked
    up: a file cannot run anything. The checksum finds damage and careless editing; it does not protect against
    deliberate forgery.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "model.rk").write_text('{"format": "other"}')
    ...     load_signature(f"{folder}/model.rk")
    Traceback (most recent call last):
    ...
    radiokit.exceptions.FileError: .../model.rk is not a frozen model of radiokit; a study writes <folder>/<model>.rk.
    """
    document = _read(Path(path))
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileError(f"{path} is not a frozen model of radiokit; a study writes <folder>/<model>.rk.")
    if document.get("version") not in READS:
        raise FileError(
            f"{path} is of version {document.get('version')!r}; radiokit {__version__} reads versions "
            f"{' and '.join(map(str, READS))}."
        )
    content = document.get("content")
    if not isinstance(content, dict) or document.get("sha256") != _digest(content):
        raise FileError(
            f"{path} was changed after it was written (its checksum differs); get the file anew from its study."
        )
    try:
        check_content(content)
        model = Frozen.from_plain(content["model"])
        _require_usable(model)
        parts = (content["extraction"], content["card"], content["nomogram"], content.get("domain", {}))
        return FrozenSignature(model, *parts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FileError(f"{path} is damaged: {error}.") from error


def _read(path: Path) -> Any:
    """Return what the JSON file holds, None where it is none."""
    content = read_bytes(path, MOST_BYTES)
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _require_usable(model: Frozen) -> None:
    """Raise ValueError where numbers of a model from a file are not finite, or its names do not match."""
    numbers: dict[str, float] = {}
    for score in model.scores:
        for f in score.features if score.kind == "linear" else ():
            if f.scale == 0:
                raise ValueError(f"the scale of {f.name} is 0")
            numbers |= {
                f"coefficient of {f.name}": f.coef,
                f"scale of {f.name}": f.scale,
                f"mean of {f.name}": f.center,
            }
    wrong = [name for name, value in numbers.items() if not math.isfinite(value)]
    if wrong:
        raise ValueError(f"the {wrong[0]} is not a finite number")
    columns = [name for c in model.clinical for name in c.design(None)]
    unknown = {name for name, _ in model.weights} - {s.name for s in model.scores} - set(columns)
    if unknown:
        raise ValueError(f"weights are given for {', '.join(sorted(unknown))}, which the model does not hold")


def _is_file(column: str) -> bool:
    """Whether a column of a case table names files or how they are read."""
    return column.split("_")[0].lower() in ("image", "mask", "roi", "series", "suv")


def _extractor(how: dict[str, Any]) -> RadiomicsExtractor | DeepFeatureExtractor:
    """Return the extractor that features of the model are computed with."""
    if "deep" not in how:
        from radiokit.features.params_file import extractor_of_text

        return extractor_of_text(how["params"])
    from radiokit.deep.spec import extractor_from_dict

    return extractor_from_dict(how["deep"])
