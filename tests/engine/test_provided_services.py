"""The services that a segment needs and that a worker offers use the same notation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from nodes.identity import Identity
from nodes.manifest import manifests
from nodes.registry import services
from schemas.capability import ServiceManifest
from schemas.graph import Node
from schemas.status import Plane
from tests.engine.graphs import checked, document
from workbench.bus.bus import Bus
from workbench.engine.pinning import pinned
from workbench.engine.provided_services import DeploymentSnapshot, ProvidedService, needed, offer
from workbench.engine.service_mismatch import describe_missing


def manifest() -> list[dict[str, object]]:
    """The manifest that an executor reports."""
    return [item.model_dump(mode="json") for item in manifests(services())]


def test_a_worker_offers_only_the_services_of_its_pool() -> None:
    node = checked(document({"a": "probe.data"})).graph.node("a")
    assert needed(node) == {f"probe.data@1.0.0#{(node.code or '')[:12]}##"}
    assert needed(node) <= offer(manifest(), Plane.DATA, "cpu").services
    assert not needed(node) & offer(manifest(), Plane.DATA, "elsewhere").services
    assert not needed(node) & offer(manifest(), Plane.CONTROL, "control").services


def test_a_worker_offers_the_models_of_its_machine_to_services_that_name_them() -> None:
    node = node_a().model_copy(update={"models": {"small": "ab" * 32}})
    assert "model:small#" + "ab" * 6 in needed(node)
    assert needed(node) <= offer(manifest(), Plane.DATA, "cpu", {"small": "ab" * 32, "other": "cd" * 32}).services
    assert not needed(node) <= offer(manifest(), Plane.DATA, "cpu", {"small": "cd" * 32}).services
    assert not offer(manifest(), Plane.CONTROL, "control", {"small": "ab" * 32}).services & needed(node)


def test_a_service_that_cannot_run_here_is_not_offered() -> None:
    broken = [{**item, "available": False} if item["service"] == "probe.data" else item for item in manifest()]
    assert not needed(node_a()) & offer(broken, Plane.DATA, "cpu").services


def test_equal_sets_share_a_name_and_another_version_changes_it() -> None:
    raised = [{**item, "version": "9"} if item["service"] == "probe.data" else item for item in manifest()]
    first, again, other = (offer(items, Plane.DATA, "cpu") for items in (manifest(), manifest(), raised))
    assert first.name == again.name != other.name


@pytest.mark.parametrize(
    "there",
    [{"version": "0.9.0"}, {"code": "ab" * 32}, {"weights": "cd" * 32}, {"packages": ["av==18.1.0", "numpy==2.4.5"]}],
)
def test_a_difference_changes_the_need_and_is_named(there: dict[str, Any]) -> None:
    needs = node_a().model_copy(update={"packages": ["av==18.1.0", "numpy==2.4.6"]})
    same = ProvidedService("cpu-b", service(packages=["av==18.1.0", "numpy==2.4.6"]))
    other = ProvidedService("cpu-a", service(**{"packages": ["av==18.1.0", "numpy==2.4.6"], **there}))
    (key,) = needed(needs)
    assert same.key == key != other.key
    (what,) = there
    shown = {"version": "0.9.0", "code": "ab" * 6, "weights": "cd" * 6, "packages": "numpy==2.4.5"}[what]
    wanted = {"version": "1.0.0", "code": (needs.code or "")[:12], "weights": "none", "packages": "numpy==2.4.6"}[what]
    told = describe_missing(key, [other])
    assert told.startswith(f"probe.data 1.0.0 (worker cpu-a has other {what}: {shown} there, {wanted} in the job; ")


def test_the_closest_worker_is_named_and_the_others_are_counted() -> None:
    (needs,) = needed(node_a())
    assert (
        describe_missing(needs, [])
        == describe_missing(needs, [ProvidedService("w", service(service="probe.other"))])
        == "probe.data 1.0.0"
    )
    far = ProvidedService("a", service(version="0.9.0"))
    near = ProvidedService("b", service(code="ab" * 32, weights="cd" * 32))
    told = describe_missing(needs, [far, near])
    assert "worker b has other code: abababababab there" in told and "weights: cdcdcdcdcdcd there, none in" in told
    assert "1 more also differ" in told
    assert "code: abababababab there, none in the job" in describe_missing("probe.data@1.0.0#", [near]), (
        "the job was accepted by an older version"
    )


def test_a_job_uses_the_packages_of_the_workers_and_its_own_code() -> None:
    declaration = services()["probe.data"]
    here, theirs = declaration.identity, ("numpy==1.26.4",)
    assert identity_with() == here
    assert identity_with(service(packages=list(theirs))) == replace(here, packages=theirs)
    assert identity_with(service(packages=list(theirs)), service()) == here, "a worker offers the local identity"
    assert identity_with(service(packages=list(theirs), code="ab" * 32)) == here, "other code must not count"


def identity_with(*offered: ServiceManifest) -> Identity:
    """The identity that a job is accepted with when workers offer these services."""
    snapshot = DeploymentSnapshot(cast(Bus, None))
    snapshot.services = {"data.cpu": [ProvidedService(f"w{index}", item) for index, item in enumerate(offered)]}
    return pinned(services()["probe.data"], snapshot)


def node_a() -> Node:
    return checked(document({"a": "probe.data"})).graph.node("a")


def service(**changes: Any) -> ServiceManifest:
    here = next(item for item in manifests(services()) if item.service == "probe.data")
    return here.model_copy(update=changes)
