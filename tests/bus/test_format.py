"""The bus's format has one definition: Python and the scripts use the same names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import pytest

from schemas.event import EventType
from schemas.status import FINAL_JOB_STATUSES, FINAL_NODE_STATUSES, EdgeKind, JobStatus, NodeStatus
from tests.bus.test_keys import run_every_operation
from workbench.bus import scripts
from workbench.bus.bus import Bus
from workbench.bus.fields import EntryField, EventField, HeldField, JobField, MetaField, NodeField, SegmentField
from workbench.bus.job_plan import WAITS
from workbench.bus.keys import LANES, Keys
from workbench.bus.results import Phase, Verdict

ROOT = Path(scripts.__file__).parents[2]
LUA = {path.name: path.read_text() for path in sorted((Path(scripts.__file__).parent / "lua").glob("*.lua"))}
CODE = {name: re.sub(r"--.*", "", text) for name, text in LUA.items()}
WHOLE = "\n".join(CODE.values())


def found(pattern: str, text: str = WHOLE) -> set[str]:
    return set(re.findall(pattern, text))


def values(*names: Iterable[StrEnum]) -> set[str]:
    return {name.value for group in names for name in group}


def test_every_key_in_a_script_has_a_name_in_python() -> None:
    keys = Keys("b")
    named = {text for text in vars(keys).values() if isinstance(text, str)}
    named |= {keys.job("J"), keys.events("J"), keys.progress("J"), keys.queue("P", "L"), keys.wake("P")}
    named |= {keys.waiters("J"), keys.offers("J"), keys.worker("J")}
    python = {name.removeprefix("{b}:").split(":")[0] for name in named if name.startswith("{b}:")}
    lua = found(r"B \.\. ':([a-z_-]+)")
    assert lua <= python and python - lua == {"set-aside", "worker", "workers"}, "only Python uses these three"
    assert found(r"COMPUTED \.\. '(:[a-z]+)'") == {keys.computed_order.removeprefix(keys.computed)}
    assert found(r"ROUND \.\. '(:[a-z]+)'") == {keys.round_open.removeprefix(keys.round)}


def test_every_field_of_a_job_has_a_name_in_python() -> None:
    about = found(r"'([a-z]+):' \.\.") - values(HeldField) | found(r"'\^([a-z]+):\(") - values(HeldField)
    python = values(NodeField, SegmentField)
    assert about <= python
    at_acceptance = {"mx", "spec", "needs", "sg", "ki", "nodes", "pool", "rq", "ap"}  # written at acceptance
    assert python - about <= at_acceptance, "a field that no script reads or writes"
    of_job = found(r"'(?:HGET|HSET|HINCRBY|HMGET)', (?:key|job_key\([a-z_]+\)), '([a-z_]+)'")
    of_job |= {
        name
        for call in re.findall(r"'(?:HSET|HMGET)', (?:key|job_key\([a-z_]+\)),([^\n]*)", WHOLE)
        for name in re.findall(r"'([a-z_]+)'", call)
    }
    assert of_job - values(JobStatus, NodeStatus) == values(JobField)


def test_the_other_names_agree_too() -> None:
    meta = found(r"META, '([a-z_]+)'") | found(r"'(run_id|phase|epoch)', ")
    assert meta == values(MetaField)
    assert found(r"HELD, '([a-z]+):'") | found(r"'(worker):' \.\. string") == values(HeldField)
    assert found(r"'([a-z])', (?:type|node|data|at|id|job|seg)\b") == values(EventField, EntryField)
    assert found(r"(?:phase'?\)? == |phase ~= |'phase', )'([a-z]+)'") <= values(Phase)
    lanes = found(r"'((?:batch_)?front|interactive|batch)'")
    assert lanes == set(LANES)
    events = found(r"emit\([a-z_]+, '([a-z.]+)'") - {"node.", "job."}
    assert events <= values(EventType)
    answers = found(r"(?:return|and|or) (?:\{ )?'([A-Z]+)'")
    assert answers - {"WORK", "EMPTY", "OFFER"} <= values(Verdict) and {"PARKED", "ROUND", "YIELD"} <= answers
    final = re.search(r"local FINAL = {(.*)}", WHOLE)
    assert final is not None
    assert found(r"(\w+) = true", final[1]) == values(FINAL_NODE_STATUSES, FINAL_JOB_STATUSES)
    assert found(r"kind == '([a-z_]+)'") == {EdgeKind.ON_FAILURE.value, WAITS}


def test_the_prelude_documents_every_field() -> None:
    listed = found(r"(?:^-- | {3}|; )([a-z]{2,6}):<(?:node|seg)>", LUA["_prelude.lua"].replace("\n--   ", "\n--    "))
    assert listed == values(NodeField, SegmentField)


@pytest.mark.stack
def test_every_key_and_field_on_a_used_bus_has_a_name(bus: Bus) -> None:
    run_every_operation(bus)
    for job in ("whole", "first", "second", "third", "fourth"):
        fields = [raw.decode() for raw in bus.client.hkeys(bus.keys.job(job))]
        kinds = {name.split(":")[0] for name in fields if ":" in name}
        assert kinds <= values(NodeField, SegmentField)
        assert {name for name in fields if ":" not in name} <= values(JobField)


def test_only_the_bus_package_uses_field_names() -> None:
    names = "|".join(sorted(values(NodeField, SegmentField)))
    pattern = re.compile(rf"""f?["'](?:{names}):[{{"'a-z0-9]""")
    texts = {path: path.read_text() for path in (ROOT / "workbench").rglob("*.py") if path.parent.name != "bus"}
    assert [path.name for path, text in texts.items() if pattern.search(text)] == []
