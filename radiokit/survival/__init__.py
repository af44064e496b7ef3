"""Cox models, risk groups and cut-points."""
