"""Colours and dashes of every figure."""

from __future__ import annotations

# Okabe and Ito's palette, the yellow left out: it vanishes on paper.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Curves differ in dash as well as in colour, so that they can be told apart in a grey print.
Dash = str | tuple[int, tuple[float, ...]]
DASHES: tuple[Dash, ...] = ("-", (0, (5, 1.6)), (0, (1.3, 1.3)), (0, (6, 1.5, 1.3, 1.5)), (0, (3, 3)), "-", (0, (8, 2)))
GREY, FAINT, INK = "#6b6b6b", "#d9d9d9", "#1f1f1f"
