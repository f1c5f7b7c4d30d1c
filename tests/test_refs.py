"""What counts as a reference to an artifact, and what merely looks like one."""

from __future__ import annotations

import pytest

from schemas.refs import AudioRef, ImageRef, is_ref, refs_in
from workbench.store.record import named_refs

DIGEST = "0" * 64


def test_references_are_found_inside_any_value() -> None:
    value = {"a": [{"kind": "image", "sha256": DIGEST}, 3], "b": {"c": {"kind": "audio", "sha256": "1" * 64}}}
    assert refs_in(value) == [ImageRef(sha256=DIGEST), AudioRef(sha256="1" * 64)]
    assert [name for name, _ in named_refs(value)] == ["a.0", "b.c"]


@pytest.mark.parametrize(
    "value",
    [
        ImageRef.model_json_schema()["properties"],  # as a service's manifest carries it: a field called sha256
        {"kind": {"const": "image"}, "sha256": DIGEST},
        {"kind": "image", "sha256": "short"},
        {"kind": "image", "sha256": DIGEST, "colour": "red"},
        {"kind": "model", "sha256": DIGEST},
        {"sha256": None},
    ],
)
def test_what_merely_has_such_fields_is_no_reference(value: object) -> None:
    assert not is_ref(value)
    assert refs_in({"x": value}) == []
    assert list(named_refs({"x": value})) == []
