"""Two reports beside each other: what became slower than its peer, what became less accurate, what is gone."""

from __future__ import annotations

from typing import Any

FALL = 0.15


def compare(report: dict[str, Any], earlier: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a task of either report; `worse` where accuracy is lost, the ratio fell, or the task is gone."""
    now, before = ({row["name"]: row for row in r["results"]} for r in (report, earlier))
    rows = []
    for name in dict.fromkeys([*before, *now]):
        verdict, worse = _verdict(now.get(name), before.get(name))
        rows.append(
            {"name": name, "now": now.get(name), "before": before.get(name), "verdict": verdict, "worse": worse}
        )
    return rows


def fallen(report: dict[str, Any], earlier: dict[str, Any]) -> set[str]:
    """Names of the tasks whose ratio fell."""
    return {row["name"] for row in compare(report, earlier) if row["verdict"].startswith("ratio fell")}


def _verdict(now: dict[str, Any] | None, before: dict[str, Any] | None) -> tuple[str, bool]:
    if now is None:
        return "not measured any more", True
    peer_absent = now["peer"] is not None and now["peer_time"] is None
    known = None if before is None or (peer_absent and now["accuracy"] is None) else before["accuracy"]
    lost = _accuracy_lost(now["accuracy"], known)
    if lost:
        return lost, True
    if before is None:
        return "new", False
    if before["ratio"] is None:
        return "no ratio before", False
    if now["ratio"] is None:
        return f"{now['peer'] or before['peer']} is absent: neither ratio nor difference", False
    change = now["ratio"] / before["ratio"] - 1
    if change < -FALL:
        return f"ratio fell by {-change:.0%}", True
    return "faster" if change > FALL else "as before", False


def _accuracy_lost(now: dict[str, Any] | None, before: dict[str, Any] | None) -> str:
    """Beyond its limit, or worse than before by more than its slack."""
    if now is None:
        return "" if before is None else "accuracy is not measured any more"
    sign = 1 if now["better"] == "lower" else -1
    if not sign * now["value"] <= sign * now["limit"]:  # so that NaN is lost too
        return f"accuracy lost: {now['what']} {now['value']:.3g}, limit {now['limit']:.3g}"
    if before is not None and sign * (now["value"] - before["value"]) > now["slack"]:
        return f"accuracy lost: {now['what']} {now['value']:.3g}, before {before['value']:.3g}"
    return ""


def markdown(rows: list[dict[str, Any]], report: dict[str, Any], earlier: dict[str, Any]) -> str:
    """The table for people, worst first."""
    lines = [
        "| task | peer | ratio before | ratio now | accuracy before | accuracy now | peak MB before | peak MB now | |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in sorted(rows, key=lambda r: not r["worse"]):
        now, before = row["now"], row["before"]
        known = now or before
        cells = [row["name"], known["peer"] or "", *_pair(before, now, _ratio), *_pair(before, now, _accuracy)]
        cells += [*_pair(before, now, _peak), f"**{row['verdict']}**" if row["worse"] else row["verdict"]]
        lines.append("| " + " | ".join(cells) + " |")
    worse = sum(row["worse"] for row in rows)
    lines += ["", f"{len(rows)} tasks, {worse} worse. Before: {_made(earlier)}. Now: {_made(report)}."]
    return "\n".join(lines)


def _pair(before: dict[str, Any] | None, now: dict[str, Any] | None, text: Any) -> tuple[str, str]:
    return tuple("" if row is None else text(row) for row in (before, now))  # type: ignore[return-value]


def _ratio(row: dict[str, Any]) -> str:
    return "" if row["ratio"] is None else f"{row['ratio']:.3g}"


def _accuracy(row: dict[str, Any]) -> str:
    return "" if row["accuracy"] is None else f"{row['accuracy']['what']} {row['accuracy']['value']:.2g}"


def _peak(row: dict[str, Any]) -> str:
    return "" if row["ours"]["peak_mb"] is None else f"{row['ours']['peak_mb']:.0f}"


def _made(report: dict[str, Any]) -> str:
    return f"{(report['commit'] or 'no commit')[:9]} on {report['machine']['processor']}, {report['made'][:10]}"
