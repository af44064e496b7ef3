"""Deep features: ms a crop beside plain MONAI in eager float32, and how far each option moves the features.

    python benchmarks/bench_deep.py --quick [--records FILE]
    python benchmarks/bench_deep.py [--json FILE] [--backbones resnet18 resnet50] [--sizes 50 96] [--batches 1 4]
                                    [--threads 2] [--device cpu] [--cases 32] [--jobs 2]

`plain` is MONAI's network as its own users run it: eager, float32, `torch.no_grad()`. `radiokit` is what
`DeepFeatureExtractor` runs on the same crops at the given precision. Drift is the largest difference of any feature
from `plain` as a part of the largest feature. On the CPU the time is that of all threads (CPU time divided by threads),
which other programs of the machine disturb least; on a GPU (rows only where there is one: float32, tf32, and halves
with channels last, as the library runs them) it is the time between two events, copying excluded, with the peak of
memory. Batch normalisation has random statistics, as after training. Then an epoch of training in each precision, and
end to end: compressed NIfTI files of 128 x 256 x 256 voxels through the extractor, with one worker and with more, and
the share of the time in which the network waits for crops. `--json benchmarks/results/NAME.json` keeps all of it with
the hardware and the load of the machine.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

if "--threads" in sys.argv:  # before torch starts its pool
    os.environ["OMP_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]
import torch
from monai.networks.nets import densenet, resnet
from records import Accuracy, Record, parser, report, side_by_side

from radiokit.deep import DeepClassifier, DeepFeatureExtractor, Training, Weights
from radiokit.deep._frozen import FrozenStep, Ready
from radiokit.io import Mask, Volume, write_volume

Row = dict[str, Any]


def plain_network(backbone: str) -> torch.nn.Module:
    """MONAI's own constructor, without the classifier."""
    if backbone == "densenet121":
        net = densenet.DenseNet121(spatial_dims=3, in_channels=1, out_channels=1)
        net.class_layers = net.class_layers[:-1]
    else:
        wide = backbone == "foundation"
        make = getattr(resnet, "resnet50" if wide else backbone)
        extra = {"widen_factor": 2} if wide else {}
        net = make(
            spatial_dims=3, n_input_channels=1, conv1_t_stride=2, feed_forward=False, shortcut_type="B",
            bias_downsample=wide, **extra,
        )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return net.eval()


def ms_a_call(call: Callable[[], Any], device: torch.device, threads: int, repeats: int) -> tuple[float, float | None]:
    """Shortest time of a call in ms, and peak memory in MB (GPU only)."""
    call()
    best = np.inf
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(repeats):
        if device.type == "cuda":
            start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            call()
            stop.record()
            torch.cuda.synchronize()
            best = min(best, start.elapsed_time(stop))
        else:
            begun = time.process_time()
            call()
            best = min(best, 1e3 * (time.process_time() - begun) / threads)
    peak = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else None
    return best, peak


def step_of(backbone: str, net: torch.nn.Module, size: int, batch: int, device: str, precision: str) -> FrozenStep:
    """The part of the extractor that runs the network."""
    extractor = DeepFeatureExtractor(
        backbone=backbone, weights=Weights(net), patch_size=(size,) * 3, batch_size=batch, device=device,
        precision=precision,
    )  # fmt: skip
    return extractor._step()


def compare(backbone: str, size: int, batch: int, device: torch.device, options: argparse.Namespace) -> list[Row]:
    """Plain MONAI and the precisions of radiokit on the same crops."""
    net = plain_network(backbone)
    crops = np.random.default_rng(size).normal(size=(batch, size, size, size)).astype(np.float32)
    moved = copy.deepcopy(net).to(device)
    images = torch.from_numpy(crops)[:, None].to(device)
    # The benchmark's reference is float32 throughout: cuDNN would otherwise use TF32.
    torch.backends.cudnn.allow_tf32 = False

    def plain() -> torch.Tensor:
        with torch.no_grad():
            return moved(images)

    expected = plain().cpu().numpy()
    ms, peak = ms_a_call(plain, device, options.threads, options.repeats)
    base = {"backbone": backbone, "size": size, "batch": batch, "device": device.type}
    rows = [{**base, "option": "plain", "ms_a_crop": ms / batch, "speedup": 1.0, "drift": 0.0, "peak_mb": peak}]
    precisions = ["float32", "bfloat16"] if device.type == "cpu" else ["float32", "tf32", "bfloat16", "float16"]
    for precision in precisions:
        step = step_of(backbone, net, size, batch, device.type, precision)
        found = np.array([list(row.values()) for row in step([Ready(c, None) for c in crops])])  # type: ignore[union-attr]
        own, trunk = step._images(list(crops)), step.trunk

        def ours(step: FrozenStep = step, own: Any = own, trunk: Any = trunk) -> Any:
            with step._mode():
                return trunk.feature_map(own, step.backbone.layer).float().flatten(2).mean(2)

        mine, peak = ms_a_call(ours, device, options.threads, options.repeats)
        drift = float(np.abs(found - expected).max() / np.abs(expected).max())
        rows.append(
            {
                **base,
                "option": precision,
                "ms_a_crop": mine / batch,
                "speedup": ms / mine,
                "drift": drift,
                "peak_mb": peak,
            }
        )
    return rows


class Clocked:
    """The second step of the extractor with a clock: what is not spent in here, the network waits for crops."""

    def __init__(self, step: FrozenStep) -> None:
        self.step, self.seconds = step, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.step, name)

    def __call__(self, payloads: Any) -> Any:
        begun = time.perf_counter()
        found = self.step(payloads)
        self.seconds += time.perf_counter() - begun
        return found


def end_to_end(backbones: list[str], n_cases: int, device: str, n_jobs: int) -> list[Row]:
    """Crops a second from files, with one worker and with several; wall time, so an idle machine is needed."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        table = cohort_in(folder, n_cases)
        for backbone, jobs in itertools.product(backbones, sorted({1, n_jobs})):
            net = Weights(plain_network(backbone))
            extractor = DeepFeatureExtractor(
                backbone=backbone, weights=net, patch_size=(50,) * 3, device=device, n_jobs=jobs
            )
            clock = Clocked(extractor._step())
            extractor._step = lambda clock=clock: clock  # type: ignore[method-assign]
            extractor.extract(table.iloc[:jobs])  # starts workers, and builds the network
            clock.seconds, begun = 0.0, time.perf_counter()
            extractor.extract(table)
            seconds = time.perf_counter() - begun
            rate, waiting = n_cases / seconds, 1 - clock.seconds / seconds
            rows.append({"backbone": backbone, "n_jobs": jobs, "crops_a_second": rate, "waiting": waiting})
            print(
                f"end to end, {backbone} at 50^3, {jobs} workers: {rate:.1f} crops/s, {waiting:.0%} waiting", flush=True
            )
    return rows


def cohort_in(folder: str, n_cases: int) -> pd.DataFrame:
    """Write a cohort of noise, and return its case table."""
    rng = np.random.default_rng(0)
    cases = []
    for k in range(n_cases):
        image, region = rng.normal(100, 40, size=(128, 256, 256)), np.zeros((128, 256, 256), bool)
        region[40:80, 100:140, 90 + k : 130 + k] = True
        paths = [f"{folder}/{name}{k}.nii.gz" for name in ("image", "mask")]
        write_volume(Volume(image.astype(np.int16)), paths[0])
        write_volume(Mask(region), paths[1])
        cases.append(paths)
    return pd.DataFrame(cases, columns=["image", "mask"], index=[f"P{k}" for k in range(n_cases)])


def training(size: int, device: torch.device, options: argparse.Namespace) -> list[Row]:
    """An epoch of 16 crops of two channels, augmentation included, in each precision of `Training`."""
    X = np.random.default_rng(0).normal(size=(16, 2, size, size, size)).astype(np.float32)
    rows = []
    for precision in ["float32"] if device.type == "cpu" else ["float32", "tf32", "bfloat16"]:

        def epochs(n: int, precision: str = precision) -> None:
            how = Training(epochs=n, patience=None, device=device.type, precision=precision, threads=options.threads)
            DeepClassifier("resnet_small", training=how, random_state=0).fit(X, np.arange(16) % 2)

        few, _ = ms_a_call(lambda: epochs(1), device, options.threads, 1)
        many, peak = ms_a_call(lambda: epochs(3), device, options.threads, options.repeats)
        rows.append({"size": size, "device": device.type, "precision": precision, "ms_an_epoch": (many - few) / 2,
                     "peak_mb": peak})  # fmt: skip
    return rows


def hardware_of(name: str) -> str:
    """The GPU, or the processor."""
    if name == "cuda":
        return torch.cuda.get_device_name()
    known = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in known.read_text().splitlines() if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"


def records() -> Iterator[Record]:
    """Frozen features beside plain MONAI, on one thread of the CPU."""
    torch.set_num_threads(1)
    net = plain_network("resnet18")
    crops = np.random.default_rng(0).normal(size=(4, 32, 32, 32)).astype(np.float32)
    images = torch.from_numpy(crops)[:, None]
    step = step_of("resnet18", net, 32, 4, "cpu", "float32")

    def plain() -> np.ndarray:
        with torch.no_grad():
            return net(images).numpy()

    def difference(ours: np.ndarray, theirs: np.ndarray) -> Accuracy:
        drift = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        return Accuracy.difference("largest difference, of the largest feature", drift, 1e-5)

    yield side_by_side(
        "deep features, resnet18, 4 crops of 32^3, float32",
        lambda: np.array([list(row.values()) for row in step([Ready(c, None) for c in crops])]),  # type: ignore[union-attr]
        plain,
        peer_name="MONAI, eager",
        package="monai",
        accuracy=difference,
    )


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--json", type=Path)
    made.add_argument("--backbones", nargs="+", default=["resnet18", "resnet50", "densenet121", "foundation"])
    made.add_argument("--sizes", nargs="+", type=int, default=[50, 96])
    made.add_argument("--batches", nargs="+", type=int, default=[1, 4])
    made.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    made.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--cases", type=int, default=16, help="of the end-to-end run; 0 leaves it out")
    made.add_argument("--jobs", type=int, default=2)
    made.add_argument("--train-size", type=int, default=32, help="crops of the training run; 0 leaves it out")
    options = made.parse_args()
    if options.quick or options.records:
        report(records(), options.records)
        return
    torch.set_num_threads(options.threads)
    names = ["cuda" if torch.cuda.is_available() else "cpu"] if options.device == "auto" else [options.device]
    about: dict[str, Any] = {"hardware": hardware_of(names[0]), "torch": torch.__version__, "threads": options.threads}
    about["load"] = list(os.getloadavg())
    print(", ".join(f"{k} {v}" for k, v in about.items()))
    rows: list[Row] = []
    for name in names:
        for backbone in options.backbones:
            for size in options.sizes:
                for batch in options.batches:
                    for row in compare(backbone, size, batch, torch.device(name), options):
                        rows.append(row)
                        print(
                            f"{row['device']:5} {backbone:12} {size:3}^3 batch {batch:3} {row['option']:9}"
                            f" {row['ms_a_crop']:9.2f} ms  x{row['speedup']:.2f}  drift {row['drift']:.1e}"
                            + ("" if row["peak_mb"] is None else f"  peak {row['peak_mb']:.0f} MB"),
                            flush=True,
                        )
    taught = training(options.train_size, torch.device(names[0]), options) if options.train_size else []
    for row in taught:
        print(f"training, resnet_small at {row['size']}^3, {row['precision']}: {row['ms_an_epoch']:.0f} ms an epoch")
    whole = end_to_end(options.backbones, options.cases, names[0], options.jobs) if options.cases else []
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        found = {**about, "load_at_the_end": list(os.getloadavg()), "networks": rows, "training": taught}
        options.json.write_text(json.dumps({**found, "end_to_end": whole}, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
