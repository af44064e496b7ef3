"""Feature selection as scikit-learn transformers, so that it can only happen inside a fold."""
