"""pyradiomics parameter files as files; what they mean is known by `radiokit.features`.

`io` lies below `features`, so it is imported when a function is called: whoever only reads images never loads it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from radiokit.exceptions import FileError

if TYPE_CHECKING:
    from radiokit.features import RadiomicsExtractor


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
    from radiokit.features import RadiomicsExtractor

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
    import yaml

    text = yaml.safe_dump(extractor.to_params(), sort_keys=False, default_flow_style=None)
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"Cannot write {path}: {error.strerror or error}.") from error
