"""Sphinx configuration."""

from __future__ import annotations

import radiokit

project = "radiokit"
author = "the radiokit developers"
copyright = "2026, the radiokit developers"
version = release = radiokit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
exclude_patterns = ["_build", "generated"]
html_theme = "pydata_sphinx_theme"
html_title = "radiokit"
