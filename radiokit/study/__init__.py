"""A whole study as one object: its split, its signatures, its checks against leaks, and its result."""

from radiokit.study._demo import run_demo
from radiokit.study._frozen_file import FrozenSignature, load_signature
from radiokit.study._options import Options
from radiokit.study._result import StudyResult
from radiokit.study._study import Study
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "FrozenSignature",
    "Options",
    "Study",
    "StudyResult",
    "load_signature",
    "run_demo",
]

fill_docstrings(__name__)
