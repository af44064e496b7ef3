"""Optional packages: imported when used, with the line that installs them when absent."""

from __future__ import annotations

import importlib
from types import ModuleType

from radiokit.exceptions import MissingDependencyError


def import_optional(name: str, *, needed_for: str, install: str) -> ModuleType:
    """Import an optional package, or say what to install.

    Parameters
    ----------
    name : str
        The module to import.
    needed_for : str
        What the user asked for, for the message.
    install : str
        The command that installs it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.

    Examples
    --------
    >>> import_optional("math", needed_for="an example", install="nothing").floor(1.5)
    1
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{needed_for} needs the package {name!r}: {error}. Install it with: {install}"
        ) from error
