"""Ratios as `github-action-benchmark` reads them (tool customBiggerIsBetter), to be kept from commit to commit."""

from __future__ import annotations

from typing import Any


def bigger_is_better(report: dict[str, Any]) -> list[dict[str, Any]]:
    """A list of name, unit, value, range and extra: one entry a task that has a ratio."""
    return [
        {
            "name": row["name"],
            "unit": f"times as fast as {row['peer']}",
            "value": row["ratio"],
            "range": f"± {max(row['ours']['spread'], row['peer_time']['spread']):.0%}",
            "extra": _extra(row),
        }
        for row in report["results"]
        if row["ratio"] is not None
    ]


def _extra(row: dict[str, Any]) -> str:
    peak = "" if row["ours"]["peak_mb"] is None else f", peak {row['ours']['peak_mb']:.0f} MB"
    right = "" if row["accuracy"] is None else f", {row['accuracy']['what']} {row['accuracy']['value']:.2g}"
    return f"{row['ours']['cpu_s']:.3g} s CPU{peak}{right}"
