"""A comparison as HTML tables, for exports, notebooks and reports, which show them without scripts."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from schemas.comparison import ComparedMetric, Comparison, Interval


def tables_html(found: Comparison) -> str:
    """Notes, differences and metrics. The best values are bold and say so to screen readers."""
    heads = [video.label for video in found.videos]
    parts = [f'<p class="wb-notice">{html.escape(note)}</p>' for note in found.notes]
    differing = [[one.name, *(cell_text(value) for value in one.values)] for one in found.differences]
    parts += ["<h2>Differences</h2>", table_html(["", *heads], differing)]
    measured = [
        [_named(one), *(_value(one, at) for at in range(len(heads))), better_text(one)] for one in found.metrics
    ]
    parts += ["<h2>Metrics</h2>", table_html(["", *heads, "better"], measured)]
    if any(interval for one in found.metrics for interval in one.intervals):
        parts.append('<p class="wb-muted">In brackets: mean and 95 % interval over runs that differ only by seed.</p>')
    return "\n".join(parts)


def table_html(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with row headings. Cells are text, or ``Markup``, which is taken as it is."""
    if not rows:
        return '<p class="wb-muted">None.</p>'
    head = "".join(f'<th scope="col">{_escaped(one)}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{_escaped(first)}</th>{"".join(f"<td>{_escaped(one)}</td>" for one in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="wb-table-frame"><table class="wb-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


class Markup(str):
    """HTML that is safe: its texts were escaped."""


def number_text(value: float) -> str:
    """Four significant digits, without an exponent where that is readable."""
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e6 or not value else f"{value:.3e}"


def cell_text(value: Any) -> str:
    """A value of a parameter."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def better_text(metric: ComparedMetric) -> str:
    return "" if metric.better == "neither" else metric.better


def _named(metric: ComparedMetric) -> str:
    unit = f" ({metric.unit})" if metric.unit else ""
    title = html.escape(metric.meaning, quote=True)
    return Markup(f'<span title="{title}">{html.escape(metric.name + unit)}</span>')


def _value(metric: ComparedMetric, at: int) -> str:
    value, spread = metric.values[at], metric.intervals[at]
    if value is None:
        return "—"
    shown = html.escape(number_text(value))
    if at in metric.best:
        shown = f'<strong>{shown}</strong><span class="wb-sr"> best</span>'
    return Markup(shown + (f' <span class="wb-muted">[{_spread(spread)}]</span>' if spread else ""))


def _spread(one: Interval) -> str:
    return f"{number_text(one.mean)}: {number_text(one.low)} – {number_text(one.high)}, {one.runs} seeds"


def _escaped(text: str) -> str:
    return text if isinstance(text, Markup) else html.escape(text)
