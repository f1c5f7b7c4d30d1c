"""The consent of a job as a tag in MLflow, which is not part of what identifies its graph."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.store.samples import make_job
from workbench.engine.content import graph_hash
from workbench.store.run_contents import tags


def record(consent: Any = None) -> JobRecord:
    graph = make_job("c").graph
    if consent is not None:
        graph.metadata["consent"] = consent
    return JobRecord(id="c", status=JobStatus.COMPLETED, graph=graph, graph_hash=graph_hash(graph))


@pytest.mark.parametrize(
    ("consent", "tag"),
    [
        (
            {"given": True, "by": "Ada Lovelace", "at": 1_795_950_000.0, "source": "file", "text": "All agreed."},
            "given, said Ada Lovelace on 2026-11-29: All agreed.",
        ),
        ({"given": False, "by": "ada", "text": ""}, "not given, said ada"),  # of a job before consents were required
        (None, None),
    ],
)
def test_consent_is_a_tag_and_not_part_of_the_graph_hash(consent: Any, tag: str | None) -> None:
    found = record(consent)
    assert tags(found).get("consent") == tag
    assert found.graph_hash == record().graph_hash


@pytest.mark.parametrize("said", [True, "yes", ["x"], None])
def test_malformed_consent_is_not_a_tag(said: Any) -> None:
    assert "consent" not in tags(record(said))
