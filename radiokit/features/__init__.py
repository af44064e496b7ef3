"""Handcrafted radiomics: from an image and a mask to one row of named numbers."""
