"""Deep features and deep models of segmented images. Needs the extra `deep`: torch and MONAI's networks."""

from radiokit.deep._attribution import attribution_map
from radiokit.deep._classifier import DeepClassifier
from radiokit.deep._crop import Crop
from radiokit.deep._crops import DeepOptions
from radiokit.deep._extractor import DeepFeatureExtractor
from radiokit.deep._networks import build_network
from radiokit.deep._patches import patch, patch_mask
from radiokit.deep._survival import DeepSurvival
from radiokit.deep._weights import Weights
from radiokit.deep.settings import Augmentation, Network, Training
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "Augmentation",
    "Crop",
    "DeepClassifier",
    "DeepFeatureExtractor",
    "DeepOptions",
    "DeepSurvival",
    "Network",
    "Training",
    "Weights",
    "attribution_map",
    "build_network",
    "patch",
    "patch_mask",
]

fill_docstrings(__name__)
