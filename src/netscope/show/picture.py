"""A static SVG picture of runs: small charts of what they logged, for places without a server.

A notebook that is saved, converted or mailed keeps it. Colours of text and axes are those of the document around it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from html import escape

import numpy as np

from netscope.charts.curves import curves
from netscope.errors import NotFoundError
from netscope.schema.run import Run
from netscope.schema.series import SeriesInfo, SeriesRequest
from netscope.store.store import Store
from netscope.text import visible

MOST_RUNS = 8
MOST_CHARTS = 6
COLUMNS = 3
CARD_PX, CHART_PX, HEIGHT_PX, HEAD_PX, GAP_PX = 300, 220, 96, 40, 16
LONGEST_KEY = 30
"""Characters of a name that fit a card."""
PATIENCE_S = 1.0
"""Longest time spent reading a folder for its picture."""
PALETTE = ("#3f7ee8", "#d9700a", "#0f9a74", "#d0408c", "#7f55d9", "#a08400", "#1a9ac9", "#cf4038")
"""Mid-tones of the page's colours, readable on white and on black."""


def picture(store: Store, run_ids: Sequence[str] | None = None) -> str:
    """SVG of some runs, or of the newest of a folder: up to six charts, and when it was made.

    Only those runs are read; of a large folder as many of the newest as there is time for.

    Raises:
        NotFoundError: One of the runs is not there.
    """
    if run_ids is None:
        store.refresh(PATIENCE_S)
    else:
        store.refresh(0.0, first=run_ids)
    table = {run.id: run for run in store.table().runs}
    if run_ids is None:
        run_ids = [run.id for run in table.values() if run.revision][-MOST_RUNS:]  # 0: not read yet
    elif missing := [run_id for run_id in run_ids if run_id not in table]:
        raise NotFoundError(f"no run {missing[0]!r}")
    runs = {run_id: table[run_id] for run_id in run_ids}
    keys = [key.key for key in store.keys(list(runs), "scalar").keys] if runs else []
    cards = _cards(store, runs, keys[:MOST_CHARTS]) if keys else []
    n_rows = -(-len(cards) // COLUMNS)
    names = _legend(list(runs.values()))
    top = 30 + 16 * len(names)
    height = top + max(n_rows * (HEAD_PX + HEIGHT_PX + GAP_PX), 24) + 18
    width = COLUMNS * CARD_PX + (COLUMNS - 1) * GAP_PX
    left_out = f" · {len(keys) - MOST_CHARTS:,} more series" if len(keys) > MOST_CHARTS else ""
    foot = f"netscope, as of {time.strftime('%Y-%m-%d %H:%M')}{left_out}"
    body = [
        _text(0, 14, _headline(store, table, runs), 'font-weight="600" font-size="14"'),
        *(
            f'<circle cx="4" cy="{30 + 16 * i}" r="4" fill="{PALETTE[i]}"/>' + _text(14, 34 + 16 * i, name)
            for i, name in enumerate(names)
        ),
        *(
            f'<g transform="translate({i % COLUMNS * (CARD_PX + GAP_PX)},'
            f'{top + i // COLUMNS * (HEAD_PX + HEIGHT_PX + GAP_PX)})">{card}</g>'
            for i, card in enumerate(cards)
        ),
        "" if cards else _text(0, top + 14, "No points yet.", 'opacity="0.7"'),
        _text(0, height - 5, foot, 'opacity="0.7"'),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto" role="img" font-family="system-ui,sans-serif" font-size="12" '
        f'fill="currentColor">{"".join(body)}</svg>'
    )


def _headline(store: Store, table: dict[str, Run], runs: dict[str, Run]) -> str:
    if len(runs) == 1:
        (run,) = runs.values()
        return f"{_short(run.name, 80)}: {run.state}"
    of = f"{len(runs)} of {len(table):,} runs" if len(runs) < len(table) else f"{len(table):,} runs"
    return f"{store.folder.name}: {of}"


def _legend(runs: list[Run]) -> list[str]:
    return [f"{_short(run.name, 80)}: {run.state}" for run in runs] if len(runs) > 1 else []


def _cards(store: Store, runs: dict[str, Run], keys: list[str]) -> list[str]:
    found = curves(store, SeriesRequest(list(runs), keys, px=CHART_PX // 2))
    colours = dict(zip(runs, PALETTE, strict=False))
    cards = []
    for key in keys:
        lines = [info for info in found.reply.series if info.key == key and not info.ghost]
        cards.append(_card(key, lines, found.x, found.beside["y"], colours))
    return cards


def _card(key: str, lines: list[SeriesInfo], x: np.ndarray, y: np.ndarray, colours: dict[str, str]) -> str:
    drawn = [(info, x[info.x_start :][: info.n].astype(float), y[info.start :][: info.n]) for info in lines]
    finite = np.concatenate([ys[np.isfinite(ys)] for _, _, ys in drawn] or [np.zeros(0)]).astype(float)
    steps = np.concatenate([xs for _, xs, _ in drawn] or [np.zeros(0)])
    last = f"{drawn[0][2][-1]:.4g}" if len(drawn) == 1 and drawn[0][0].n else ""
    parts = [
        _text(0, 12, _short(key, LONGEST_KEY - len(last)), 'font-weight="600"'),
        _text(CHART_PX, 12, last, 'text-anchor="end"'),
    ]
    if not len(finite):
        return "".join([*parts, _text(0, HEAD_PX, "no finite values", 'opacity="0.7"')])
    low, high, first, end = finite.min(), finite.max(), steps.min(), steps.max()
    top, bottom = 22, 22 + HEIGHT_PX
    for info, xs, ys in drawn:
        across = (xs - first) / (end - first) * CHART_PX if end > first else np.full(len(xs), CHART_PX / 2)
        # Halved, so that the difference of any two floats is finite.
        up = (ys / 2 - low / 2) / (high / 2 - low / 2) if high > low else np.full(len(ys), 0.5)
        path = _path(across, bottom - up * HEIGHT_PX)
        parts.append(f'<path d="{path}" fill="none" stroke="{colours[info.run]}" stroke-width="1.5"/>')
    axis = f'<path d="M0 {top}V{bottom}H{CHART_PX}" fill="none" stroke="currentColor" stroke-opacity="0.3"/>'
    labels = [
        _text(CHART_PX + 6, top + 8, f"{high:.4g}", 'opacity="0.7"'),
        _text(CHART_PX + 6, bottom, f"{low:.4g}", 'opacity="0.7"'),
        _text(0, bottom + 14, f"{first:,.0f}", 'opacity="0.7"'),
        _text(CHART_PX, bottom + 14, f"step {end:,.0f}", 'opacity="0.7" text-anchor="end"'),
    ]
    return "".join([*parts, axis, *labels])


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """A line with a gap wherever a point is not finite; a point between two gaps is a dot."""
    commands, is_down = [], False
    for across, down in zip(x.tolist(), y.tolist(), strict=True):
        if math.isfinite(down):
            commands.append(f"{'L' if is_down else 'M'}{across:.1f} {down:.1f}" + ("" if is_down else "h.1"))
        is_down = math.isfinite(down)
    return "".join(commands)


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" {more}>{escape(text)}</text>' if text else ""


def _short(text: str, n: int) -> str:
    """Cut a long name at its beginning: its end tells more."""
    plain = visible(text)
    return plain if len(plain) <= n else "…" + plain[1 - n :]
