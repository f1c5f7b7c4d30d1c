"""Consent in Python: an argument of every call that submits, and of papermill's parameters."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from schemas.errors import WorkbenchError
from tests.live import LiveDeployment, wait_for
from workbench.notebook.request import RunRequest
from workbench.notebook.workbench import Workbench
from workbench.store.consents import Chosen

pytestmark = pytest.mark.stack
ADA = "Ada Lovelace"


@pytest.fixture
def strict(live: LiveDeployment) -> Iterator[Workbench]:
    """The live deployment without WORKBENCH_CONSENT."""
    wb = Workbench(live.settings.model_copy(update={"consent": ""}))
    yield wb
    wb.deployment.consents.drop(Chosen(name=ADA))


def test_python_gives_it_by_an_argument_or_once_for_the_home(strict: Workbench, tmp_path: Path) -> None:
    def picture() -> Path:
        path = tmp_path / f"{secrets.token_hex(4)}.png"
        Image.frombytes("RGB", (8, 8), secrets.token_bytes(192)).save(path)
        return path

    def by(job: object) -> str:
        return str(job.record.graph.metadata["consent"]["by"])  # type: ignore[attr-defined]

    graph = strict.graph("larger")
    graph.generate.upscale_image(image=picture())
    with pytest.raises(WorkbenchError) as caught:
        graph.run()
    assert caught.value.code == "consent.missing" and 'consent="YOUR NAME"' in caught.value.remedy
    with pytest.raises(WorkbenchError, match="name"):
        graph.run(consent=" ")
    job = graph.run(consent=ADA)
    job.cancel()
    wait_for(lambda: job.record.status.final)
    again, resumed = job.rerun(), job.retry()
    assert by(job) == by(again) == by(resumed) == ADA
    assert ADA in strict.withdraw_consent(ADA)
    for repeat in (job.rerun, job.retry):
        with pytest.raises(WorkbenchError) as caught:
            repeat()
        assert caught.value.code == "consent.withdrawn"
    assert by(job.rerun(consent=ADA)) == ADA
    other = strict.graph("larger")
    other.generate.upscale_image(image=picture())
    strict.give_consent(ADA)
    assert by(other.run()) == ADA
    assert job.id in strict.erase(consent=ADA, dry_run=True).jobs


def test_a_parameter_of_a_notebook_gives_it() -> None:
    asked = RunRequest(script="Hello.", portrait="me.png", consent=ADA)
    assert asked.options()["consent"] == ADA
    assert "consent" not in RunRequest(script="Hello.").options()
