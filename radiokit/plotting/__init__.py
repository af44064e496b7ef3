"""Displays in scikit-learn's style; the only place that imports matplotlib."""
