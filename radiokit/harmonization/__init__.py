"""Scanner and centre effects, learnt on the training set and applied to later ones."""

from radiokit.harmonization._combat import ComBat

__all__ = ["ComBat"]
