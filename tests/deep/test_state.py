"""The weights of a network in our files: exact, refused when damaged, and read from files of earlier versions."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from radiokit.deep._state import load_state, state_to_bytes, weights_from_dict, weights_to_dict  # noqa: E402
from radiokit.exceptions import FileError  # noqa: E402


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3))


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


def in_the_order_of_names(state: dict[str, torch.Tensor]) -> bytes:
    """The layout that radiokit wrote by itself: tensors in the order of their names, whatever their size."""
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    header, body = {}, b""
    for name in sorted(state):
        data = state[name].numpy().tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": kinds[state[name].dtype], "shape": list(state[name].shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


def test_weights_come_back_and_equal_ones_give_equal_bytes() -> None:
    given, found = network(1), network(2)
    content = state_to_bytes(given.state_dict())
    assert content == state_to_bytes(dict(reversed(given.state_dict().items())))
    load_state(found, weights_from_dict(weights_to_dict(content)))
    assert same(given, found)


def test_weights_of_an_earlier_version_are_read() -> None:
    given, found = network(1), network(2)
    load_state(found, in_the_order_of_names(given.state_dict()))
    assert same(given, found)


def test_damaged_and_foreign_weights_are_refused() -> None:
    content = state_to_bytes(network().state_dict())
    for damaged in (content[:-1], content[:20], b"", b"\xff" * 64):
        with pytest.raises(FileError, match="damaged"):
            load_state(network(), damaged)
    with pytest.raises(FileError, match="do not fit the network"):
        load_state(torch.nn.Linear(2, 2), content)
    with pytest.raises(FileError, match="checksum differs"):
        weights_from_dict({**weights_to_dict(content), "sha256": "0" * 64})
