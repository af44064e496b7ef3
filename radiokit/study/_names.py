"""Names of the models of a study: a signature gives its name to a model, and some names are taken."""

from __future__ import annotations

from collections.abc import Iterable

from radiokit.exceptions import ParameterError

# Models that every study may hold beside its signatures, and the two policies of a decision curve.
RESERVED = ("clinical", "volume", "combined", "prevalence", "all", "none")
SURVIVAL = " (survival)"  # what the names of models of a second, survival outcome end in


def refuse_reserved(signatures: Iterable[object]) -> None:
    """Raise ParameterError where a signature has no name, one that is taken, or that of another in other letters."""
    seen: dict[str, str] = {}
    for name in map(str, signatures):
        plain = name.strip().casefold()
        if not plain:
            raise ParameterError("a signature has an empty name; required: a name, for its model is called by it.")
        if plain in RESERVED:
            raise ParameterError(
                f"a signature is called {name!r}; the names {', '.join(RESERVED)} belong to models that the study "
                "makes itself. Give the signature another name, such as 'ct'."
            )
        if plain.endswith(SURVIVAL.strip()):
            raise ParameterError(
                f"a signature is called {name!r}; names that end in {SURVIVAL.strip()!r} belong to the models of a "
                "survival outcome beside a binary one. Give the signature another name."
            )
        if plain in seen:
            raise ParameterError(
                f"two signatures are called {seen[plain]!r} and {name!r}, which differ in capitals or blanks only; "
                "required: names that a reader can tell apart."
            )
        seen[plain] = name
