"""Logistic models, radiomics signatures and their fusion."""
