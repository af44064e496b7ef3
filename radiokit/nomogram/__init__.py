"""A fitted logistic or Cox model as a points table that a clinician can read."""
