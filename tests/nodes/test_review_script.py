"""review.script without a server, and what a node that asks must declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodes.local import FolderHost, local_context, run_locally
from nodes.registry import services
from nodes.review import script
from nodes.sdk import DECLARED, Context, Decision, NodeModel, node
from schemas.errors import WorkbenchError

WRITTEN = {"narration": "Good morning.", "stage_prompt": "smiling", "source": "model", "model": "smollm2"}


def answered(folder: Path, decision: Decision | None) -> Any:
    ctx = local_context(folder)
    assert isinstance(ctx.host, FolderHost)
    ctx.host.decision = decision
    return ctx, run_locally(script.run, ctx, {}, WRITTEN)


def test_an_edit_is_a_persons_text_and_an_artifact_with_its_author(tmp_path: Path) -> None:
    decision = Decision(approved=True, text="Guten Morgen.", edited=True, author="ada", at=5.0)
    ctx, made = answered(tmp_path, decision)
    assert (made.narration, made.source, made.model, made.stage_prompt) == ("Guten Morgen.", "person", "", "smiling")
    assert (made.approved_by, made.approved_at, made.edited) == ("ada", 5.0, True)
    assert made.script.author == "ada"
    assert ctx.open(made.script).read_text() == "Guten Morgen."


def test_text_approved_unchanged_remains_the_models_text(tmp_path: Path) -> None:
    ctx, made = answered(tmp_path, None)
    assert (made.narration, made.source, made.model, made.edited) == ("Good morning.", "model", "smollm2", False)
    assert made.script.author is None
    assert ctx.open(made.script).read_text() == "Good morning."


def test_a_rejection_contains_its_author_and_reason(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError) as rejected:
        answered(tmp_path, Decision(approved=False, reason="too long", author="bob"))
    assert rejected.value.code == "review.rejected"
    assert "bob rejected the text: too long" in str(rejected.value)


def test_a_node_that_asks_is_never_cached_and_runs_on_the_control_plane() -> None:
    declared = services()["review.script"]
    assert declared.asks and not declared.cache

    class Nothing(NodeModel):
        """No fields."""

    def run(ctx: Context, params: Nothing, inputs: Nothing) -> Nothing:
        return Nothing()

    run.__annotations__ = {"ctx": Context, "params": Nothing, "inputs": Nothing, "return": Nothing}
    with pytest.raises(WorkbenchError) as refused:
        node("test.asks_on_data", version="1", plane="data", asks=True)(run)
    assert refused.value.code == "node.bad_declaration" and "asks" in str(refused.value)
    assert "test.asks_on_data" not in DECLARED
