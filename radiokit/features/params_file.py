"""pyradiomics parameter files, as files and as texts."""

from __future__ import annotations

import os

from radiokit.features._extractor import RadiomicsExtractor
from radiokit.utils import parse_yaml, write_text, yaml_text


def read_params(path: str | os.PathLike[str]) -> RadiomicsExtractor:
    """Read a pyradiomics parameter file.

    Parameters
    ----------
    path : path
        YAML or JSON. Nothing in it is executed.

    Returns
    -------
    RadiomicsExtractor
        With the settings of the file.

    Raises
    ------
    ParameterError
        If the file holds an entry that pyradiomics 3.0.1 does not know (the message lists those known), or a value it
        does not accept.
    FileError
        If the file is missing or not YAML.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
    ...     _ = file.write("setting: {binCount: 32}")
    ...     file.flush()
    ...     read_params(file.name).discretization
    FixedBinCount(count=32)
    """
    return RadiomicsExtractor.from_params(path)


def write_params(extractor: RadiomicsExtractor, path: str | os.PathLike[str]) -> None:
    """Write an extractor as a pyradiomics parameter file, which pyradiomics 3.0.1 itself can read.

    Parameters
    ----------
    extractor : RadiomicsExtractor
        Its settings; how it runs (n_jobs, cache, ...) is not part of the file.
    path : path
        Where to write.

    Raises
    ------
    ParameterError
        If a setting has no counterpart in such a file.
    FileError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from radiokit.features import FixedBinWidth, RadiomicsExtractor
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_params(RadiomicsExtractor(discretization=FixedBinWidth(5)), f"{folder}/params.yaml")
    ...     read_params(f"{folder}/params.yaml").discretization
    FixedBinWidth(width=5, origin=None)
    """
    write_text(path, params_to_text(extractor))


def params_to_text(extractor: RadiomicsExtractor) -> str:
    """Return the settings of an extractor as the text of a parameter file; errors as for `write_params`."""
    return yaml_text(extractor.to_params())


def extractor_of_text(text: str) -> RadiomicsExtractor:
    """Return the extractor of the text of a parameter file; errors as for `read_params`."""
    return RadiomicsExtractor.from_params(parse_yaml(text, "the parameter file") or {})
