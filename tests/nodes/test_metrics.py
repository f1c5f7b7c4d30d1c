"""Every metric that front ends show has a unit, a direction and a meaning, declared by the service that records it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from nodes import source
from nodes.evaluate.basic import Report
from nodes.registry import services
from nodes.sdk import NodeDeclaration
from workbench.client.metric_meanings import JOB_TIMES, of_name

OWN = [one for one in services().values() if one.run.__module__.startswith("nodes.")]


def recorded(declaration: NodeDeclaration) -> set[str]:
    """The names in calls of ``ctx.metric`` in the node's code; of the evaluation, the numbers of its report."""
    if declaration.service == "evaluate.basic":  # records its report in a loop
        return set(Report.model_fields) - {"transcript", "notes"}
    specs = [source.find(name) for name in source.modules_of(declaration.run.__module__)]
    texts = [Path(spec.origin).read_text() for spec in specs if spec is not None and spec.origin is not None]
    calls = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    metrics = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "metric"]
    return {ast.literal_eval(call.args[0]) for call in metrics}


@pytest.mark.parametrize("declaration", OWN, ids=lambda one: one.service)
def test_a_service_declares_exactly_the_metrics_that_it_records(declaration: NodeDeclaration) -> None:
    assert {metric.name for metric in declaration.metrics} == recorded(declaration)
    for metric in declaration.metrics:
        assert metric.meaning.endswith("."), metric.name
        assert len(metric.meaning) <= 100, metric.name
        for suffix, unit in (("_s", "s"), ("_ms", "ms"), ("_px", "px")):
            measures = metric.name.endswith(suffix) and not metric.name.endswith(f"_per{suffix}")
            assert not measures or metric.unit == unit, metric.name


def test_tables_find_a_metric_by_its_name() -> None:
    found = of_name("word_error_rate")
    assert found is not None
    assert found.direction == "lower"
    assert of_name("compute_seconds") is JOB_TIMES["compute_seconds"]
    assert of_name("unheard_of") is None
