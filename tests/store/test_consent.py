"""A consent statement is recorded in MLflow with the job and does not change what is computed."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.api import Consent
from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.store.samples import make_job
from workbench.client.submit import with_consent
from workbench.engine.content import graph_hash
from workbench.store.run_contents import tags


def record(consent: Consent | None) -> JobRecord:
    graph = with_consent(make_job("c").graph, consent, "ada")
    return JobRecord(id="c", status=JobStatus.COMPLETED, graph=graph, graph_hash=graph_hash(graph))


@pytest.mark.parametrize(
    ("consent", "tag"),
    [
        (Consent(given=True, text="All agreed."), "given, said ada: All agreed."),
        (Consent(given=False), "not given, said ada"),
        (None, None),
    ],
)
def test_consent_is_a_tag_and_not_part_of_the_graph_hash(consent: Consent | None, tag: str | None) -> None:
    found = record(consent)
    assert tags(found).get("consent") == tag
    assert found.graph_hash == record(None).graph_hash


@pytest.mark.parametrize("said", [True, "yes", ["x"], None])
def test_malformed_consent_is_not_a_tag(said: Any) -> None:
    found = record(None)
    found.graph.metadata["consent"] = said
    assert "consent" not in tags(found)
