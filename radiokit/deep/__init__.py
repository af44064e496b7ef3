"""Deep features and deep models of segmented images. Needs the extra `deep`: torch and MONAI's networks."""

from radiokit.deep._networks import build_network
from radiokit.deep._patches import patch, patch_mask

__all__ = ["build_network", "patch", "patch_mask"]
