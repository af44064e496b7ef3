"""Texture matrices: counted in numba, kept sparse, one builder a file."""
