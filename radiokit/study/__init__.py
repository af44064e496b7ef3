"""The whole study as one object: it owns the split, the signatures, the guards and the result."""
