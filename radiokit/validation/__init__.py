"""How good is it, honestly: nested cross-validation, optimism bootstrap, external cohorts."""
