"""Synthetic cohorts with a planted, documented truth."""
