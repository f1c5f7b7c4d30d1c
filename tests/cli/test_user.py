"""``workbench user``: passwords never in the arguments, tokens shown once, every refusal with its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A deployment of which only the database is there: users need no more."""
    here = Program(tmp_path / "home")
    given = {
        "BUS_URL": "redis://:x@127.0.0.1:1",
        "S3_URL": "http://127.0.0.1:2",
        "SQL_URL": f"sqlite:///{tmp_path}/j.db",
    }
    here.environment |= {f"WORKBENCH_{name}": value for name, value in given.items()}
    return here


@pytest.mark.slow
def test_life_of_a_user(program: Program) -> None:
    made = program.json("user", "add", "ann", "--role", "admin", "--password-stdin", given="a long password\n")
    assert (made["name"], made["role"], made["disabled"]) == ("ann", "admin", False)
    assert "rob can log in as runner" in program.run(
        "user", "add", "rob", "--password-stdin", given="another long one\n"
    )
    assert program.json("user", "role", "rob", "viewer")["role"] == "viewer"
    assert program.json("user", "disable", "rob")["disabled"]
    assert "disabled" in program.run("user", "list")
    assert not program.json("user", "enable", "rob")["disabled"]
    assert program.json("user", "password", "rob", "--password-stdin", given="yet another one\n")["name"] == "rob"

    token = program.json("user", "token", "add", "ann", "laptop", "--days", "90")
    assert re.fullmatch(r"wb_[\w-]{43}", token["token"])
    assert round(token["expiresAt"] - token["createdAt"]) == 90 * 86_400
    listed = program.run("user", "token", "list", "ann", "--json")
    assert "laptop" in listed
    assert token["token"] not in listed
    assert re.fullmatch(r"wb_[\w-]{43}\n", program.run("user", "token", "add", "ann", "desk"))
    assert program.json("user", "token", "remove", "ann", "laptop") == {"user": "ann", "removed": "laptop"}

    assert program.json("user", "remove", "rob") == {"removed": "rob"}
    assert [user["name"] for user in program.json("user", "list")["users"]] == ["ann"]


@pytest.mark.parametrize(
    ("arguments", "given", "code"),
    [
        (("add", "ann", "--password-stdin"), "short\n", "user.invalid"),
        (("role", "nobody", "admin"), "", "user.unknown"),
        (("token", "add", "nobody", "laptop"), "", "user.unknown"),
    ],
)
def test_refusals(program: Program, arguments: tuple[str, ...], given: str, code: str) -> None:
    ended = program.try_("user", *arguments, "--json", given=given)
    assert (ended.code, ended.error["code"]) == (2, code)
    assert ended.error["details"]["remedy"]
