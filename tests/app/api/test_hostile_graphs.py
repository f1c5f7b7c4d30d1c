"""Hostile graphs and requests: each gets an error in the standard format, and none causes a server error."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.graph import MAX_EDGES, MAX_NODES
from tests.app.api.conftest import Client
from tests.engine.graphs import document
from tests.live import LiveDeployment

pytestmark = pytest.mark.stack

PLAIN = document({"a": {"service": "probe.data", "params": {"value": "x"}}})


def graph(**changed: Any) -> bytes:
    return orjson.dumps({"graph": {**PLAIN, **changed}})


def with_node(**changed: Any) -> bytes:
    return graph(nodes=[{**PLAIN["nodes"][0], **changed}])


def with_params(raw: bytes) -> bytes:
    return with_node(params={"value": "@"}).replace(b'{"value":"@"}', raw)


def nested(depth: int, opening: bytes, closing: bytes) -> bytes:
    return opening * depth + b"1" + closing * depth


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "request.invalid"),
    "no JSON": (b"{", "graph.not_json"),
    "no UTF-8": (b'{"pipeline": "\xff\xfe"}', "graph.not_json"),
    "a lone surrogate": (b'{"pipeline": "\\ud800"}', "graph.not_json"),
    "a list": (b"[1, 2]", "request.invalid"),
    "a number": (b"7", "request.invalid"),
    "null": (b"null", "request.invalid"),
    "NaN": (with_params(b'{"sleep_s": NaN}'), "graph.not_json"),
    "infinity": (with_params(b'{"sleep_s": Infinity}'), "graph.not_json"),
    "a float beyond floats": (with_params(b'{"sleep_s": 1e999}'), "graph.not_json"),
    "an int of 400 digits": (with_params(b'{"parts": ' + b"9" * 400 + b"}"), "graph.not_json"),
    "an int of 30 digits": (with_params(b'{"parts": ' + b"9" * 30 + b"}"), "graph.bad_param"),
    "a seed of 30 digits": (graph(context={"seed": "@"}).replace(b'"@"', b"9" * 30), "graph.schema"),
    "a seed that is true": (graph(context={"seed": True}), "graph.schema"),
    "a negative seed": (graph(context={"seed": -1}), "graph.schema"),
    "lists in lists": (with_params(b'{"value": ' + nested(100_000, b"[", b"]") + b"}"), "graph.not_json"),
    "objects in objects": (with_params(nested(900, b'{"a":', b"}")), "graph.not_json"),
    "metadata in metadata": (graph(metadata="@").replace(b'"@"', nested(60, b'{"a":', b"}")), "graph.not_json"),
    "10,000 nodes": (
        graph(nodes=[{"id": f"n{i}", "service": "probe.data"} for i in range(10_000)]), "graph.too_large"
    ),
    "6 MB of text": (with_node(name="x" * 6_000_000), "graph.too_large"),
    "20,001 edges": (
        graph(edges=[{"from": "a", "to": "a"}] * (MAX_EDGES + 1)), "graph.too_large"
    ),
    "an edge to itself": (graph(edges=[{"from": "a", "to": "a"}]), "graph.cycle"),
    "two nodes with one id": (graph(nodes=PLAIN["nodes"] * 2), "graph.duplicate_id"),
    "an edge to a missing node": (graph(edges=[{"from": "a", "to": "b"}]), "graph.dangling_edge"),
    "no nodes": (graph(nodes=[]), "graph.schema"),
    "nodes that are a string": (graph(nodes="abc"), "graph.schema"),
    "a node that is a list": (graph(nodes=[[]]), "graph.schema"),
    "an id with a path": (with_node(id="../../etc/passwd"), "graph.schema"),
    "an id with a line break": (with_node(id="a\nb"), "graph.schema"),
    "a service with a path": (with_node(service="../nodes"), "graph.schema"),
    "an unknown service": (with_node(service="os.system"), "graph.unknown_service"),
    "params that are a list": (with_node(params=[1]), "graph.schema"),
    "an unknown param": (with_node(params={"__class__": "x"}), "graph.bad_param"),
    "a param of another type": (with_node(params={"sleep_s": {"$gt": 0}}), "graph.bad_param"),
    "text as a number": (with_node(params={"sleep_s": "'; DROP TABLE jobs; --"}), "graph.bad_param"),
    "an input from itself": (with_node(input={"text": "$a.text"}), "graph.bad_input"),
    "an invalid digest": (
        with_node(service="probe.reader", params={}, input={"file": {"kind": "text", "sha256": "../../x"}}),
        "graph.bad_input",
    ),
    "bytes that do not exist": (
        with_node(service="probe.reader", params={}, input={"file": {"kind": "text", "sha256": "0" * 64}}), ""
    ),
    "a weight beyond floats": (with_node(progressWeight=-1), "graph.schema"),
    "another schema": (graph(schema="langgraph.v2"), "graph.schema"),
    "an unknown status": (with_node(status="exploded"), "graph.schema"),
    "unknown fields": (graph(evil=1), "graph.schema"),
    "both": (orjson.dumps({"graph": PLAIN, "pipeline": "talking_head"}), "request.invalid"),
    "an experiment with a NUL": (orjson.dumps({"graph": PLAIN, "experiment": "a\0b"}), "request.invalid"),
    "an experiment of 10,000": (orjson.dumps({"graph": PLAIN, "experiment": "e" * 10_000}), "request.invalid"),
    "an unknown lane": (orjson.dumps({"graph": PLAIN, "lane": "front"}), "request.invalid"),
    "an unknown pipeline": (orjson.dumps({"pipeline": "../x"}), "pipeline.unknown"),
    "an unknown option": (orjson.dumps({"pipeline": "talking_head", "options": {"x": 1}}), "request.invalid"),
    "a portrait by path": (
        orjson.dumps({"pipeline": "talking_head", "options": {"portrait": "/etc/passwd"}}), "request.invalid"
    ),
    "a huge prompt": (
        orjson.dumps({"pipeline": "talking_head", "options": {"prompt": "x" * 100_000}}), "request.invalid"
    ),
    "a seed as text": (orjson.dumps({"pipeline": "talking_head", "options": {"seed": "1"}}), "request.invalid"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_submit_is_refused(api: Client, live: LiveDeployment, name: str) -> None:
    body, code = HOSTILE[name]
    before = live.deployment.store.list().total
    answer = api.post("/api/jobs", content=body, headers={"content-type": "application/json"})
    told = answer.json()
    if not code:  # missing bytes are noticed when they are read
        assert answer.status_code < 500
        return
    assert (answer.status_code // 100, told["code"]) == (4, code), answer.text[:500]
    assert set(told) == {"error", "code", "details"} and told["error"]
    assert len(answer.content) < 20_000, "an error must not echo the request"
    assert live.deployment.store.list().total == before


def test_weights_near_the_float_limit_give_a_valid_progress(api: Client, live: LiveDeployment) -> None:
    nodes = [{"id": name, "service": "probe.data", "progressWeight": 1.7e308} for name in "ab"]
    job = api.post("/api/jobs", json={"graph": {**PLAIN, "nodes": nodes}}).json()["jobId"]
    live.finish(job)
    assert api.get(f"/api/status/{job}").json() == {"jobId": job, "status": "completed", "progress": 1.0}


def test_the_largest_graph_that_is_allowed_is_accepted(api: Client, live: LiveDeployment) -> None:
    nodes = [{"id": f"n{index}", "service": "probe.elsewhere"} for index in range(MAX_NODES)]
    answer = api.post("/api/jobs", json={"graph": {**PLAIN, "nodes": nodes}})
    assert answer.status_code == 202, answer.text[:300]
    assert api.post(f"/api/jobs/{answer.json()['jobId']}/cancel").json()["cancelled"]


def test_the_densest_graph_that_is_allowed_is_accepted(api: Client) -> None:
    nodes = {f"n{i}": {"service": "probe.elsewhere", "input": {"text": "x"}} for i in range(MAX_NODES)}
    near = [(f"n{i}", f"n{i + step}") for step in range(1, 21) for i in range(MAX_NODES - step)]
    far = [(f"n{i}", f"n{i + 500}") for i in range(MAX_EDGES - len(near))]
    answer = api.post("/api/jobs", json={"graph": document(nodes, near + far)})
    assert answer.status_code == 202, answer.text[:300]
    assert api.post(f"/api/jobs/{answer.json()['jobId']}/cancel").json()["cancelled"]


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""])
def test_a_request_that_is_not_json_is_refused(api: Client, content_type: str) -> None:
    answer = api.post("/api/jobs", content=orjson.dumps({"graph": PLAIN}), headers={"content-type": content_type})
    assert 400 <= answer.status_code < 500 and set(answer.json()) == {"error", "code", "details"}
