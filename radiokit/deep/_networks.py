"""Backbones by name: MONAI's residual and dense networks, cut before the classifier.

Names and numbers of columns are known without torch, which is imported inside functions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from radiokit.deep._checks import require_whole
from radiokit.deep._frames import DIMENSIONS
from radiokit.deep._torch import require_monai, require_torch
from radiokit.exceptions import ParameterError
from radiokit.preprocessing.choices import check_setting

if TYPE_CHECKING:
    from torch import nn

    from radiokit.deep._trunk import Trunk

NORMS = ("batch", "group")
# Groups of a GroupNorm: every width of the networks below is a multiple of it.
GROUPS = 8


@dataclass(frozen=True)
class Architecture:
    """The structure of a backbone.

    `blocks` are the units of the four stages, `planes` their widths (residual networks); `widen` multiplies these.
    """

    family: str
    blocks: tuple[int, int, int, int]
    bottleneck: bool = False
    planes: tuple[int, int, int, int] = (64, 128, 256, 512)
    widen: int = 1
    bias_downsample: bool = False

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the maps of the four stages."""
        if self.family == "densenet":
            return (256, 512, 1024, 1024)
        return tuple(n * self.widen * (4 if self.bottleneck else 1) for n in self.planes)

    @property
    def smallest(self) -> int:
        """Voxels that a crop needs along each axis: a dense network takes a quarter, and halves it three times."""
        return 29 if self.family == "densenet" else 1

    @property
    def n_features(self) -> int:
        """Length of the pooled feature vector."""
        return self.channels[-1]


BACKBONES = {
    "resnet_small": Architecture("resnet", (1, 1, 1, 1), planes=(16, 32, 64, 128)),
    "resnet10": Architecture("resnet", (1, 1, 1, 1)),
    "resnet18": Architecture("resnet", (2, 2, 2, 2)),
    "resnet34": Architecture("resnet", (3, 4, 6, 3)),
    "resnet50": Architecture("resnet", (3, 4, 6, 3), bottleneck=True),
    "densenet121": Architecture("densenet", (6, 12, 24, 16)),
    "foundation": Architecture("resnet", (3, 4, 6, 3), bottleneck=True, widen=2, bias_downsample=True),
}


def check_backbone(backbone: str, dimension: str = "3D", norm: str = "batch") -> Architecture:
    """Return the architecture of a name; ParameterError where a name is unknown. Needs no torch.

    >>> check_backbone("resnet50").n_features
    2048
    """
    check_setting("", "backbone", backbone, tuple(BACKBONES))
    check_setting("", "dimension", dimension, DIMENSIONS)
    check_setting("", "norm", norm, NORMS)
    if backbone == "foundation" and dimension != "3D":
        raise ParameterError(f"backbone='foundation' with dimension={dimension!r}; required: '3D'.")
    return BACKBONES[backbone]


def layer_names(backbone: str) -> tuple[str, ...]:
    """Return the names of the stages of a backbone, from the image on; the last one is pooled by default.

    >>> layer_names("resnet18")
    ('layer1', 'layer2', 'layer3', 'layer4')
    """
    if check_backbone(backbone).family == "densenet":
        return ("features.denseblock1", "features.denseblock2", "features.denseblock3", "features")
    return ("layer1", "layer2", "layer3", "layer4")


def build_network(
    backbone: str,
    *,
    channels: int = 1,
    dimension: str = "3D",
    widen: int = 1,
    stride: int = 2,
    norm: str = "batch",
) -> Trunk:
    """Build a backbone without its classifier, randomly initialised from torch's generator.

    Parameters
    ----------
    backbone : str
        One of ``resnet_small``, ``resnet10``, ``resnet18``, ``resnet34``, ``resnet50``, ``densenet121`` and
        ``foundation``, the public cancer foundation model's trunk (ResNet50 of double width, 4,096 features).
    channels : int
        Channels of the input. For slices as channels (2.5D) that is the number of slices.
    dimension : {"3D", "2.5D", "2D"}
        Convolutions over volumes, or over slices (both others).
    widen : int
        Multiplies the widths of a residual network.
    stride : int
        Step of the first convolution of a residual network; it is not stored with weights. 2 is what public weights
        use, 1 keeps more detail of small crops at 4 to 8 times the work.
    norm : {"batch", "group"}
        Normalisation. ``"batch"`` is what public weights use; ``"group"`` does not depend on the other cases of a
        batch: take it where batches are small.

    Returns
    -------
    Trunk
        ``trunk(x)`` gives the pooled features, shape (n, `n_features`); ``trunk.layers`` are the names of its stages,
        ``trunk.layer(name)`` is the module to hook.

    Raises
    ------
    ParameterError
        If a name is unknown, or a number is not positive.
    MissingDependencyError
        If torch or MONAI is not installed.

    Notes
    -----
    He et al. 2016, doi 10.1109/CVPR.2016.90; Huang et al. 2017, doi 10.1109/CVPR.2017.243; trunk of the foundation
    model: Pai et al. 2024, doi 10.1038/s42256-024-00807-9. Networks of MONAI; shortcuts are 1x1 convolutions
    (type B) everywhere, so that torchvision's 2D ResNets fit in 2D and 2.5D.

    Examples
    --------
    >>> trunk = build_network("resnet18")
    >>> trunk.n_features
    512
    """
    architecture = check_backbone(backbone, dimension, norm)
    for name, value in (("channels", channels), ("widen", widen), ("stride", stride)):
        require_whole(name, value, least=1)
    if architecture.family == "densenet" and (widen, stride) != (1, 2):
        raise ParameterError(f"widen={widen}, stride={stride} with {backbone!r}: a DenseNet121 has no such setting.")
    dims = 3 if dimension == "3D" else 2
    if architecture.family == "densenet":
        net = require_monai("nets.densenet").DenseNet(
            dims, channels, 1, init_features=64, growth_rate=32, block_config=architecture.blocks
        )
        net.class_layers = net.class_layers[:-1]
    else:
        net = require_monai("nets.resnet").ResNet(
            "bottleneck" if architecture.bottleneck else "basic",
            list(architecture.blocks),
            list(architecture.planes),
            spatial_dims=dims,
            n_input_channels=channels,
            conv1_t_size=7,
            conv1_t_stride=stride,
            shortcut_type="B",
            widen_factor=widen * architecture.widen,
            feed_forward=False,
            bias_downsample=architecture.bias_downsample,
        )
    from radiokit.deep._trunk import ShallowStem, Trunk

    if norm == "group":
        _with_group_norm(net)
    if architecture.family == "resnet" and dims == 3:
        net.conv1.__class__ = ShallowStem  # the same parameters under the same names
    return Trunk(net, layer_names(backbone), architecture.n_features * widen)


def _with_group_norm(net: nn.Module) -> None:
    """Put a GroupNorm where a BatchNorm is. MONAI's own `norm=` reaches the first one of a ResNet only."""
    layers = require_torch().nn
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, layers.BatchNorm2d | layers.BatchNorm3d):
                setattr(parent, name, layers.GroupNorm(GROUPS, child.num_features))
