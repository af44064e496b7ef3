"""What a benchmark says of one task: time, memory, the ratio to a peer in the same run, and the accuracy beside it.

Times are minima. On a shared machine other programs only ever add time, so the shortest of several runs says most of
the work itself; both sides run in turns in the same process, so that a slow minute meets both. The ratio is that of the
shortest CPU times: above 1, radiokit is faster.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

AT_LEAST, AT_MOST, ENOUGH_S = 3, 200, 2.0  # runs of a task, unless they took enough time already


@dataclass(frozen=True)
class Accuracy:
    """A number that says how right the result is, and the limit beyond which it is wrong.

    `slack` is by how much it may be worse than in an earlier run: what another machine or numpy may change.
    """

    what: str
    value: float
    limit: float
    slack: float
    better: str = "lower"

    @classmethod
    def difference(cls, what: str, value: float, limit: float) -> Accuracy:
        """A difference from a peer or a known value; within the limit every value is as good."""
        return cls(what, float(value), limit, limit)

    @property
    def holds(self) -> bool:
        return self.value <= self.limit if self.better == "lower" else self.value >= self.limit


@dataclass(frozen=True)
class Timing:
    """Seconds of the shortest run, how far the middle run lies above it, and the peak memory of the process."""

    cpu_s: float
    wall_s: float
    spread: float
    runs: int
    peak_mb: float | None


@dataclass(frozen=True)
class Record:
    """One task; `peer_part` says what the peer did where its time is scaled up from a part of the work."""

    name: str
    ours: Timing
    accuracy: Accuracy | None = None
    peer: str | None = None
    peer_version: str | None = None
    peer_time: Timing | None = None
    peer_part: str = "all"

    @property
    def ratio(self) -> float | None:
        return None if self.peer_time is None else self.peer_time.cpu_s / self.ours.cpu_s

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}

    def __str__(self) -> str:
        text = f"{self.name}\n    ours {self.ours.cpu_s:.3g} s CPU, {self.ours.wall_s:.3g} s wall"
        text += f", peak {self.ours.peak_mb:.0f} MB" if self.ours.peak_mb is not None else ""
        if self.peer_time is not None:
            part = "" if self.peer_part == "all" else f" (from {self.peer_part})"
            text += f"; {self.peer} {self.peer_time.cpu_s:.3g} s{part}; ratio {self.ratio:.3g}"
        elif self.peer is not None:
            text += f"; {self.peer} is not installed"
        if self.accuracy is not None:
            mark = "" if self.accuracy.holds else f": WRONG, limit {self.accuracy.limit:.3g}"
            text += f"; {self.accuracy.what} {self.accuracy.value:.2g}{mark}"
        return text


def side_by_side(
    name: str,
    ours: Callable[[], Any],
    peer: Callable[[], Any] | None,
    *,
    peer_name: str,
    package: str | None = None,
    accuracy: Callable[[Any, Any], Accuracy | None],
    part: str = "all",
    scale: float = 1.0,
) -> Record:
    """Run both in turns; `peer` is None where its package is absent, and `accuracy` then gets None for its result."""
    (our_runs, result), (their_runs, theirs) = _in_turns(ours, peer)
    timing = None if peer is None else _shortest(their_runs, scale)
    return Record(
        name,
        _shortest(our_runs),
        accuracy(result, theirs),
        peer_name,
        None if package is None else installed(package),
        timing,
        part,
    )


def alone(name: str, ours: Callable[[], Any], accuracy: Callable[[Any], Accuracy | None] = lambda _: None) -> Record:
    """Run a task that has no peer."""
    (runs, result), _ = _in_turns(ours, None)
    return Record(name, _shortest(runs), accuracy(result))


def once(task: Callable[[], Any]) -> tuple[Timing, Any]:
    """Run a long task one time."""
    run, result = _one_run(task)
    return _shortest([run]), result


Run = tuple[float, float, float | None]


def _in_turns(ours: Callable[[], Any], peer: Callable[[], Any] | None) -> list[tuple[list[Run], Any]]:
    """Time both, the first run of each left out where it is short: it compiles and loads."""
    sides = [function for function in (ours, peer) if function is not None]
    runs: list[list[Run]] = [[] for _ in sides]
    results: list[Any] = [None, None]
    for k, function in enumerate(sides):
        first, results[k] = _one_run(function)
        if first[0] > ENOUGH_S:
            runs[k].append(first)
    while any(_more(r) for r in runs):
        for k, function in enumerate(sides):
            if _more(runs[k]):
                run, results[k] = _one_run(function)
                runs[k].append(run)
    return list(zip([*runs, []], results, strict=False))


def _more(runs: list[Run]) -> bool:
    spent = sum(cpu for cpu, _, _ in runs)
    return len(runs) < AT_MOST and spent < (3 * ENOUGH_S if len(runs) < AT_LEAST else ENOUGH_S)


def _one_run(function: Callable[[], Any]) -> tuple[Run, Any]:
    reset = _reset_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return (max(cpu, 1e-9), wall, _peak_mb() if reset else None), result


def _shortest(runs: list[Run], scale: float = 1.0) -> Timing:
    cpu, wall = (np.array([run[k] for run in runs]) * scale for k in (0, 1))
    peaks = [run[2] for run in runs if run[2] is not None]
    spread = float(np.median(cpu) / cpu.min() - 1)
    return Timing(float(cpu.min()), float(wall.min()), spread, len(runs), max(peaks) if peaks else None)


def _reset_peak() -> bool:
    """Let Linux count the peak of this process's memory anew; elsewhere it is not measured."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak_mb() -> float | None:
    lines = Path("/proc/self/status").read_text().splitlines()
    found = [float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
    return found[0] if found else None


def installed(package: str) -> str | None:
    """Version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def parser(text: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="small sizes, as `make bench` runs them")
    made.add_argument("--records", type=Path, help="write the records to this file (JSON)")
    return made


def report(records: Iterable[Record], file: Path | None) -> None:
    """Print records as they come, keep them; exit 1 where one of them is wrong."""
    kept = []
    for record in records:
        print(record, flush=True)
        kept.append(record)
        if file is not None:
            file.write_text(json.dumps([r.as_dict() for r in kept], indent=1) + "\n", encoding="utf-8")
    if any(r.accuracy is not None and not r.accuracy.holds for r in kept):
        raise SystemExit(1)
