"""A model as points that can be added up by hand, on paper or on an interactive page."""

from radiokit.nomogram._nomogram import Nomogram

__all__ = ["Nomogram"]
