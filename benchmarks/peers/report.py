"""Prints what was found: a Markdown table of all systems, then our ratios beside their goals."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import shown, told
from benchmarks.peers.figures import Found, Interval, p50, p99, rate, rate_ratio, ratio

OURS, FLOOR = "workbench", "floor"
STREAMS = ("taskiq", "streaq")


def table(found: Mapping[str, Found]) -> str:
    """All systems as Markdown; medians with 95 % intervals."""
    lines = [
        "| | one task p50 ms | p99 ms | chain of 3 p50 ms | p99 ms | chains/s |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        cells = [
            *(shown(figure) for figure in (p50(one.single), p99(one.single), p50(one.chain), p99(one.chain))),
            shown(rate(one.chains_a_second), 0) if one.chains_a_second else "–",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def goals(found: Mapping[str, Found]) -> str:
    """Our figures over the floor's and the best peers', each with its goal; Markdown."""
    peers = {name: one for name, one in found.items() if name not in (OURS, FLOOR)}
    if OURS not in found:
        return ""
    ours = found[OURS]
    lines = ["| workbench | ratio | goal | |", "|---|---|---|---|"]

    def at_most(what: str, figure: Interval, goal: float) -> None:
        lines.append(f"| {what} | {shown(figure)} | <= {goal:g} | {told(figure[1] <= goal)} |")

    def at_least(what: str, figure: Interval, goal: float) -> None:
        lines.append(f"| {what} | {shown(figure)} | >= {goal:g} | {told(figure[1] >= goal)} |")

    if FLOOR in found:
        at_most("chain p50 / floor", ratio(ours.chain, found[FLOOR].chain), 3.5)
    if peers:
        best = min(peers, key=lambda name: p50(peers[name].chain)[1])
        at_most(f"chain p50 / best peer ({best})", ratio(ours.chain, peers[best].chain), 0.6)
        best = min(peers, key=lambda name: p50(peers[name].single)[1])
        at_most(f"one task p50 / best peer ({best})", ratio(ours.single, peers[best].single), 0.7)
        best = min(peers, key=lambda name: p99(peers[name].single)[1])
        at_most(f"one task p99 / best peer ({best})", ratio(ours.single, peers[best].single, 0.99), 1.0)
    if ours.chains_a_second:
        if "dramatiq" in peers:
            theirs = peers["dramatiq"].chains_a_second
            at_least("chains/s / dramatiq", rate_ratio(ours.chains_a_second, theirs), 1.0)
        streams = {name: rate(peers[name].chains_a_second)[1] for name in STREAMS if name in peers}
        if streams:
            best = max(streams, key=lambda name: streams[name])
            figure = rate_ratio(ours.chains_a_second, peers[best].chains_a_second)
            at_least(f"chains/s / best streams peer ({best})", figure, 2.0)
    return "\n".join(lines)
