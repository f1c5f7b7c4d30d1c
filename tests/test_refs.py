"""What counts as a reference to an artifact, and what merely looks like one."""

from __future__ import annotations

import pytest

from schemas.refs import REF_TYPES, AudioRef, ImageRef, Ref, is_ref, refs_in
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
def test_a_value_with_similar_fields_is_no_reference(value: object) -> None:
    assert not is_ref(value)
    assert refs_in({"x": value}) == []
    assert list(named_refs({"x": value})) == []


@pytest.mark.parametrize("known", REF_TYPES.values())
def test_what_a_node_would_read_as_a_reference_is_found_also_without_its_kind(known: type[Ref]) -> None:
    examples = {"name": "x", "author": "x", "media_type": "a/b", "sha256": DIGEST}
    for field in known.model_fields:
        if field == "kind":
            continue
        for spelt in (field, known.model_fields[field].alias or field):
            value = {"sha256": DIGEST, spelt: examples.get(field, 1)}
            assert known.model_validate(value).sha256 == DIGEST
            assert [ref.sha256 for ref in refs_in({"input": [value]})] == [DIGEST], value
