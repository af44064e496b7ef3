"""Scanner and centre effects, learnt on the training set and applied to later ones."""

from radiokit.harmonization._combat import ComBat
from radiokit.utils.docs import fill_docstrings

__all__ = ["ComBat"]

fill_docstrings(__name__)
