"""From the features of lesions to those of patients. The module imports torch."""

from __future__ import annotations

import torch
from torch import nn


class OneLesion(nn.Module):
    """The bag of a patient who has one lesion: its features are the patient's.

    A head for several lesions takes its place: it gets the features of all lesions of a batch, and whose each is.
    """

    def forward(self, lesions: torch.Tensor, patient: torch.Tensor) -> torch.Tensor:
        """Return the features of patients, shape (n_patients, n_features).

        Parameters
        ----------
        lesions : Tensor of shape (n_lesions, n_features)
            Pooled features.
        patient : Tensor of int, shape (n_lesions,)
            Row of the patient, 0, 1, ...
        """
        return lesions
