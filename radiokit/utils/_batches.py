"""A second step over several cases at once: workers read and crop, then this process runs a network over them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from radiokit.utils.one_case import Job, Outcome, Prepared, failure
from radiokit.utils.warned import Warned, collect_warnings, each_once


class Finish(Protocol):
    """What works on several prepared cases at once, in the process that called `run_cases`.

    `size` is how many it takes at most. A result is a mapping of feature to value, or the error of that case; an error
    that is raised stops the run.
    """

    size: int

    def __call__(self, payloads: Sequence[Any]) -> Sequence[Mapping[str, float] | Exception]:
        """Return one result for each payload, in order."""
        ...


@dataclass
class _Batch:
    """Cases waiting for their batch, in order, with those that need none in between."""

    outcomes: list[Outcome] = field(default_factory=list)
    waiting: int = 0

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.waiting += outcome.prepared is not None


def in_batches(outcomes: Iterator[Outcome], finish: Finish, job: Job) -> Iterator[Outcome]:
    """Finish prepared cases, `finish.size` at a time; all outcomes leave in the order in which they came."""
    batch = _Batch()
    for outcome in outcomes:
        batch.add(outcome)
        if batch.waiting in (0, finish.size):
            yield from _finished(batch, finish, job)
            batch = _Batch()
    yield from _finished(batch, finish, job)


def _finished(batch: _Batch, finish: Finish, job: Job) -> Iterator[Outcome]:
    payloads = [outcome.prepared.payload for outcome in batch.outcomes if outcome.prepared is not None]
    start = time.perf_counter()
    with collect_warnings() as collected:
        results = iter(finish(payloads) if payloads else [])
    seconds = (time.perf_counter() - start) / max(batch.waiting, 1)
    for outcome in batch.outcomes:
        if outcome.prepared is None:
            yield outcome
        else:
            yield _one(outcome, outcome.prepared, next(results), seconds, each_once(collected), job)


def _one(
    outcome: Outcome,
    prepared: Prepared,
    result: Mapping[str, float] | Exception,
    seconds: float,
    warned: list[Warned],
    job: Job,
) -> Outcome:
    seconds, warned = outcome.seconds + seconds, [*outcome.warnings, *warned]
    if isinstance(result, Exception):
        return failure(outcome.case_id, result, seconds, warned)
    whole = prepared.with_features(result)
    return job.finished(outcome.case_id, whole, name=outcome.name, seconds=seconds, warned=warned)
