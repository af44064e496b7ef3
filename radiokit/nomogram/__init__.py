"""A model as points that can be added up by hand, on paper or on an interactive page."""

from radiokit.nomogram._nomogram import Nomogram
from radiokit.utils.docs import fill_docstrings

__all__ = ["Nomogram"]

fill_docstrings(__name__)
