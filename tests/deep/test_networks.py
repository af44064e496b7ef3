"""Backbones: widths, stages, and that torchvision's 2D ResNets fit."""

from __future__ import annotations

import pickle

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from radiokit.deep import build_network  # noqa: E402
from radiokit.deep._drawing import DrawingFrom  # noqa: E402
from radiokit.deep._networks import BACKBONES, check_backbone, layer_names  # noqa: E402
from radiokit.deep._torch import resolve_device  # noqa: E402
from radiokit.exceptions import ParameterError  # noqa: E402

SMALL = ("resnet_small", "resnet10", "densenet121")
# Published numbers of parameters without the classifier, He et al. 2016 and Huang et al. 2017 in two dimensions.
PARAMETERS_2D = {"resnet18": 11_176_512, "resnet34": 21_284_672, "resnet50": 23_508_032, "densenet121": 6_953_856}


@pytest.mark.parametrize("backbone", SMALL)
@pytest.mark.parametrize(("dimension", "axes"), [("3D", 3), ("2D", 2)])
def test_features_are_the_mean_of_the_last_map(backbone: str, dimension: str, axes: int) -> None:
    trunk = build_network(backbone, dimension=dimension).eval()
    x = torch.rand(2, 1, *[32] * axes)
    with torch.inference_mode():
        features, maps = trunk(x), trunk.feature_map(x, trunk.layers[-1])
    assert features.shape == (2, trunk.n_features) == (2, check_backbone(backbone).n_features)
    torch.testing.assert_close(maps.flatten(2).mean(2), features)


@pytest.mark.parametrize("backbone", SMALL)
def test_a_stage_is_what_a_manual_forward_gives(backbone: str) -> None:
    trunk = build_network(backbone).eval()
    x = torch.rand(1, 1, 32, 32, 32)
    with torch.inference_mode():
        if backbone == "densenet121":
            y = trunk.net.features[:7](x)  # up to the second block
        else:
            y = trunk.net.maxpool(trunk.net.act(trunk.net.bn1(trunk.net.conv1(x))))
            y = trunk.net.layer2(trunk.net.layer1(y))
        found = trunk.feature_map(x, trunk.layers[1])
    torch.testing.assert_close(found, y)
    assert not any(module._forward_hooks for module in trunk.modules())


@pytest.mark.parametrize("backbone", SMALL)
def test_channels_are_known_without_torch(backbone: str) -> None:
    trunk = build_network(backbone).eval()
    with torch.inference_mode():
        x = torch.rand(1, 1, 32, 32, 32)
        found = tuple(trunk.feature_map(x, layer).shape[1] for layer in layer_names(backbone))
    assert found == check_backbone(backbone).channels


@pytest.mark.parametrize("backbone", PARAMETERS_2D)
def test_sizes_are_the_published_ones(backbone: str) -> None:
    trunk = build_network(backbone, channels=3, dimension="2D")
    assert sum(p.numel() for p in trunk.parameters()) == PARAMETERS_2D[backbone]


def test_the_foundation_trunk_has_4096_features() -> None:
    with torch.device("meta"):
        trunk = build_network("foundation")
    assert trunk.n_features == 4096
    assert trunk.net.layer4[0].downsample[0].bias is not None
    assert trunk.net.conv1.stride == (2, 2, 2)
    assert trunk.net.conv1.out_channels == 128


def test_group_norm_replaces_every_batch_norm_and_trains_with_one_case() -> None:
    for backbone in ("resnet_small", "densenet121"):
        trunk = build_network(backbone, norm="group").train()
        kinds = {type(module).__name__ for module in trunk.modules()}
        assert "GroupNorm" in kinds
        assert not kinds & {"BatchNorm3d", "BatchNorm2d"}
        trunk(torch.rand(1, 1, 32, 32, 32)).sum().backward()


def test_a_seed_repeats_weights_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    networks = []
    for _ in range(2):
        with DrawingFrom(3):
            networks.append(build_network("resnet_small"))
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_trunk_pickles() -> None:
    trunk = build_network("resnet_small").eval()
    copy = pickle.loads(pickle.dumps(trunk))
    x = torch.rand(1, 1, 16, 16, 16)
    assert torch.equal(trunk(x), copy(x))


@pytest.mark.parametrize(
    "settings",
    [
        {"backbone": "resnet1"},
        {"backbone": "resnet18", "dimension": "4D"},
        {"backbone": "resnet18", "norm": "layer"},
        {"backbone": "resnet18", "channels": 0},
        {"backbone": "resnet18", "widen": 0.5},
        {"backbone": "densenet121", "widen": 2},
        {"backbone": "foundation", "dimension": "2D"},
    ],
)
def test_settings_are_checked(settings: dict) -> None:
    with pytest.raises(ParameterError):
        build_network(**settings)


def test_a_crop_too_small_for_a_dense_network_is_known_before() -> None:
    trunk = build_network("densenet121", dimension="2D").eval()
    smallest = check_backbone("densenet121").smallest
    assert trunk(torch.rand(1, 1, smallest, smallest)).shape == (1, 1024)
    with pytest.raises(RuntimeError):
        trunk(torch.rand(1, 1, smallest - 1, smallest))


def test_devices() -> None:
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "cuda:99"):
        with pytest.raises(ParameterError, match="cannot be used"):
            resolve_device(name)


def test_every_backbone_has_four_stages() -> None:
    for name in BACKBONES:
        assert len(layer_names(name)) == len(BACKBONES[name].channels) == 4
