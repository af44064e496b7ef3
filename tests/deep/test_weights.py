"""Weights: all of them or none, nothing executed, and a message that says what does not fit."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from radiokit.deep import Weights, build_network  # noqa: E402
from radiokit.exceptions import FileError, MissingDependencyError, ParameterError  # noqa: E402

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def state() -> dict:
    torch.manual_seed(1)
    return {k: torch.rand_like(v.float()) for k, v in small().state_dict().items() if "num_batches" not in k}


def small():
    return build_network("resnet_small").net


def same(net, state: dict) -> bool:
    return all(torch.equal(net.state_dict()[key], value) for key, value in state.items())


def saved(content, path: Path) -> Path:
    torch.save(content, path)
    return path


def test_a_file_of_tensors(state: dict, tmp_path: Path) -> None:
    net = small()
    Weights(saved(state, tmp_path / "w.pt")).load_into(net)
    assert same(net, state)


def test_safetensors(state: dict, tmp_path: Path) -> None:
    writer = pytest.importorskip("safetensors.torch")
    writer.save_file(state, tmp_path / "w.safetensors")
    net = small()
    Weights(tmp_path / "w.safetensors").load_into(net)
    assert same(net, state)
    (tmp_path / "w.safetensors").write_bytes((tmp_path / "w.safetensors").read_bytes()[:5000])
    with pytest.raises(FileError, match="truncated"):
        Weights(tmp_path / "w.safetensors").load_into(net)


def test_another_network(state: dict) -> None:
    giver, net = small(), small()
    Weights(giver).load_into(net)
    assert same(net, giver.state_dict())
    assert Weights(giver).digest() == Weights(net).digest() != Weights(small()).digest()


def test_checkpoints_classifiers_and_prefixes(state: dict, tmp_path: Path) -> None:
    with_head = {**state, "fc.weight": torch.zeros(2, 128), "fc.bias": torch.zeros(2)}
    parallel = {f"module.{key}": value for key, value in with_head.items()}
    encoder = {f"encoder.{key}": value for key, value in state.items()}
    for content, extra in (
        ({"state_dict": with_head, "epoch": 3}, {}),
        ({"trunk_state_dict": state}, {}),
        (parallel, {}),
        (encoder, {"prefix": "encoder."}),
        ({"best": {"net": 1}, "weights": parallel}, {"inside": "weights"}),
    ):
        net = small()
        Weights(saved(content, tmp_path / "w.pt"), **extra).load_into(net)
        assert same(net, state)


def torchvision_resnet(blocks: tuple[int, ...], bottleneck: bool) -> dict:
    """A state dict with the names and shapes of torchvision's ResNets, written down from their definition."""
    found: dict = {}

    def conv(name: str, out: int, into: int, kernel: int) -> None:
        found[f"{name}.weight"] = torch.randn(out, into, kernel, kernel) / (into * kernel**2) ** 0.5

    def norm(name: str, n: int) -> None:
        for part, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            found[f"{name}.{part}"] = torch.full((n,), value) + 0.1 * torch.rand(n)
        found[f"{name}.num_batches_tracked"] = torch.tensor(7)

    conv("conv1", 64, 3, 7)
    norm("bn1", 64)
    into, expansion = 64, 4 if bottleneck else 1
    for stage, (count, planes) in enumerate(zip(blocks, (64, 128, 256, 512), strict=True), 1):
        for block in range(count):
            name, out = f"layer{stage}.{block}", planes * expansion
            kernels = (1, 3, 1) if bottleneck else (3, 3)
            widths = [into] + [planes] * (len(kernels) - 1) + [out]
            for k, kernel in enumerate(kernels):
                conv(f"{name}.conv{k + 1}", widths[k + 1], widths[k], kernel)
                norm(f"{name}.bn{k + 1}", widths[k + 1])
            if block == 0 and (stage > 1 or into != out):
                conv(f"{name}.downsample.0", out, into, 1)
                norm(f"{name}.downsample.1", out)
            into = out
    found["fc.weight"], found["fc.bias"] = torch.randn(1000, into), torch.randn(1000)
    return found


def torchvision_forward(state: dict, x, blocks: tuple[int, ...], bottleneck: bool):
    """The forward pass of torchvision's ResNets in functional form; the stride of a bottleneck is in its 3x3."""
    F = torch.nn.functional

    def norm(y, name: str):
        mean, var, weight, bias = (state[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(y, mean, var, weight, bias)

    y = F.relu(norm(F.conv2d(x, state["conv1.weight"], stride=2, padding=3), "bn1"))
    y = F.max_pool2d(y, 3, 2, 1)
    for stage, count in enumerate(blocks, 1):
        for block in range(count):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            strides = (1, stride, 1) if bottleneck else (stride, 1)
            z = y
            for k, step in enumerate(strides, 1):
                weight = state[f"{name}.conv{k}.weight"]
                z = norm(F.conv2d(z, weight, stride=step, padding=weight.shape[-1] // 2), f"{name}.bn{k}")
                z = F.relu(z) if k < len(strides) else z
            if f"{name}.downsample.0.weight" in state:
                y = norm(F.conv2d(y, state[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
            y = F.relu(y + z)
    return y.mean(dim=(2, 3))


@pytest.mark.parametrize(
    ("backbone", "blocks", "bottleneck"), [("resnet18", (2, 2, 2, 2), False), ("resnet50", (3, 4, 6, 3), True)]
)
def test_torchvision_resnets_fit_and_compute_the_same(backbone: str, blocks, bottleneck: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = torchvision_resnet(blocks, bottleneck)
    trunk = build_network(backbone, channels=3, dimension="2.5D").eval()
    Weights(saved(state, tmp_path / "w.pth")).load_into(trunk.net)
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        found, expected = trunk(x), torchvision_forward(state, x, blocks, bottleneck)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


# ------------------------------------------------------------------------------------------------- what is refused


def test_weights_that_do_not_fit_say_which_and_change_nothing(state: dict, tmp_path: Path) -> None:
    net = small()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    lost = {key: value for key, value in state.items() if not key.startswith("layer4")}
    renamed = {key.replace("layer1", "stage1"): value for key, value in state.items()}
    shaped = {**state, "conv1.weight": torch.rand(16, 3, 7, 7, 7)}
    for content, match in (
        (lost, r"[0-9]+ missing: layer4"),
        (renamed, r"missing: layer1.*unknown: stage1"),
        (shaped, r"conv1.weight: \(16, 3, 7, 7, 7\) in the file, \(16, 1, 7, 7, 7\)"),
        ({**state, "bn1.bias": torch.full((16,), torch.nan)}, "NaN or infinite values: bn1.bias"),
    ):
        with pytest.raises(FileError, match=match):
            Weights(saved(content, tmp_path / "w.pt")).load_into(net)
    assert same(net, before)


def test_a_prefix_that_is_not_on_every_key(state: dict, tmp_path: Path) -> None:
    mixed = {("module." if k % 2 else "") + key: value for k, (key, value) in enumerate(state.items())}
    with pytest.raises(FileError, match="missing"):
        Weights(saved(mixed, tmp_path / "w.pt")).load_into(small())
    with pytest.raises(FileError, match=r"do not begin with prefix='module\.'"):
        Weights(tmp_path / "w.pt", prefix="module.").load_into(small())


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_malicious_file_executes_nothing(state: dict, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    saved({**state, "conv1.weight": Malicious(target)}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Malicious(target)))
    for name in "ab":
        with pytest.raises(FileError, match="hold more than tensors"):
            Weights(tmp_path / f"{name}.pt").load_into(small())
    assert not target.exists()


def test_damaged_files(state: dict, tmp_path: Path) -> None:
    path = saved(state, tmp_path / "w.pt")
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"<html>404</html>"):
        path.write_bytes(damaged)
        with pytest.raises(FileError, match=str(path)):
            Weights(path).load_into(small())
    with pytest.raises(FileError, match="do not exist"):
        Weights(tmp_path / "none.pt").load_into(small())
    with pytest.raises(FileError, match="holds an object of type Tensor"):
        Weights(saved(torch.zeros(3), path)).load_into(small())
    with pytest.raises(FileError, match=r"no 'ema'; it holds conv1\.weight"):
        Weights(saved(state, path), inside="ema").load_into(small())


def test_the_digest_of_the_file_is_checked(state: dict, tmp_path: Path) -> None:
    path = saved(state, tmp_path / "w.pt")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    Weights(path, sha256=digest).load_into(small())
    with path.open("r+b") as stream:
        stream.seek(len(path.read_bytes()) // 2)
        stream.write(b"\x01")
    with pytest.raises(FileError, match=digest):
        Weights(path, sha256=digest).load_into(small())


@pytest.mark.parametrize(
    "arguments",
    [
        (5,),
        ("hf:org/model@main#weights.pt", "0" * 64),
        (f"hf:org/model@{COMMIT}#weights.pt", None),
        (f"hf:model@{COMMIT}#weights.pt", "0" * 64),
        ("w.pt", "abc"),
    ],
)
def test_sources_are_checked(arguments: tuple) -> None:
    with pytest.raises(ParameterError):
        Weights(*arguments)


def test_a_file_of_the_hub_is_fetched_at_its_commit_and_checked(
    state: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(state, tmp_path / "w.pt")
    asked = []

    def download(repo: str, file: str, *, revision: str) -> str:
        asked.append((repo, file, revision))
        return str(path)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=download))
    source = f"hf:org/model@{COMMIT}#folder/w.pt"
    net = small()
    Weights(source, sha256=hashlib.sha256(path.read_bytes()).hexdigest()).load_into(net)
    assert same(net, state)
    assert asked == [("org/model", "folder/w.pt", COMMIT)]
    with pytest.raises(FileError, match="SHA-256"):
        Weights(source, sha256="0" * 64).load_into(net)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match="pip install huggingface_hub"):
        Weights(source, sha256="0" * 64).load_into(net)
