"""What a segment needs and what a worker offers are told in the same words."""

from __future__ import annotations

from nodes.manifest import manifests
from nodes.registry import services
from schemas.status import Plane
from tests.engine.graphs import checked, document
from workbench.engine.offers import needed, offer


def manifest() -> list[dict[str, object]]:
    """As an executor reports itself."""
    return [item.model_dump(mode="json") for item in manifests(services())]


def test_a_worker_offers_its_pools_services_and_no_others() -> None:
    node = checked(document({"a": "probe.data"})).graph.node("a")
    assert needed(node) == "probe.data@1.0.0#"
    assert needed(node) in offer(manifest(), Plane.DATA, "cpu").services
    assert needed(node) not in offer(manifest(), Plane.DATA, "elsewhere").services
    assert needed(node) not in offer(manifest(), Plane.CONTROL, "control").services


def test_what_cannot_run_here_is_not_offered() -> None:
    broken = [{**item, "available": False} if item["service"] == "probe.data" else item for item in manifest()]
    assert "probe.data@1.0.0#" not in offer(broken, Plane.DATA, "cpu").services


def test_equal_sets_have_one_name_and_another_version_another() -> None:
    raised = [{**item, "version": "9"} if item["service"] == "probe.data" else item for item in manifest()]
    first, again, other = (offer(items, Plane.DATA, "cpu") for items in (manifest(), manifest(), raised))
    assert first.name == again.name != other.name


def test_other_weights_are_another_need() -> None:
    node = checked(document({"a": "probe.data"})).graph.node("a")
    assert needed(node) != needed(node.model_copy(update={"weights": "ab" * 32}))
