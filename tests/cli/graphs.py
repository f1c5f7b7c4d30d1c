"""Small graph documents: one node of the control plane, which takes milliseconds, and a chain over both planes."""

from __future__ import annotations

from typing import Any


def script(id_: str = "script", text: str = "Hello there.", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "service": "llm.generate_script", "params": {"script": text}, **fields}


def speech(id_: str = "speech", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "service": "generate.hibari_tts", **fields}


def document(*nodes: dict[str, Any], edges: tuple[tuple[str, str], ...] = (), **fields: Any) -> dict[str, Any]:
    return {
        "schema": "langgraph.v1",
        "workflowId": "test",
        "nodes": list(nodes),
        "edges": [{"from": a, "to": b} for a, b in edges],
        **fields,
    }
