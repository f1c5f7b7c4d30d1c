"""``workbench user …``: the users of the page and its HTTP API, and their roles."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.access import Role
from workbench.cli.output import Json, command, print_answer, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from workbench.store.users import Users

Name = Annotated[str, typer.Argument(help="A user; `workbench user list` lists them.")]
TokenName = Annotated[str, typer.Argument(help="Name of the token, e.g. `laptop`.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
group = typer.Typer(name="user", no_args_is_help=True, help="Users: roles, passwords, API tokens.")
token_group = typer.Typer(name="token", no_args_is_help=True, help="API tokens of a user.")
group.add_typer(token_group)


@group.command()
@command
def add(
    name: Annotated[str, typer.Argument(help="Login name, in lower case.")],
    role: Annotated[Role, typer.Option(help="viewer reads, runner submits, admin administers.")] = Role.RUNNER,
    password_stdin: PasswordStdin = False,
    as_json: Json = False,
) -> None:
    """Add a user. Prompts for the password, or reads it from standard input."""
    users = _users()
    made = users.add(name, role, _password(password_stdin))
    print_answer(made, f"{made.name} can log in as {made.role.value}", as_json)


@group.command("list")
@command
def list_(as_json: Json = False) -> None:
    """List the users."""
    found = _users().list()
    if as_json:
        print_json({"users": found})
    elif found:
        rows = [
            (
                one.name,
                one.role.value,
                "disabled" if one.disabled else "",
                one.tokens,
                one.sessions,
                _day(one.created_at),
            )
            for one in found
        ]
        print_table(("user", "role", "state", "tokens", "browsers", "created"), rows, {"disabled": "yellow"})
    else:
        print("There are no users. `workbench user add NAME --role admin` adds one.")


@group.command()
@command
def role(name: Name, role: Annotated[Role, typer.Argument(help="The new role.")], as_json: Json = False) -> None:
    """Change the role of a user, from the next request on."""
    changed = _users().set_role(name, role)
    print_answer(changed, f"{name} is {changed.role.value}", as_json)


@group.command()
@command
def password(name: Name, password_stdin: PasswordStdin = False, as_json: Json = False) -> None:
    """Set a new password. The user must log in again in all browsers; API tokens remain valid."""
    users = _users()
    users.get(name)  # reports an unknown user before the prompt
    changed = users.set_password(name, _password(password_stdin))
    print_answer(changed, f"{name} has a new password and is logged out everywhere", as_json)


@group.command()
@command
def disable(name: Name, as_json: Json = False) -> None:
    """Disable a user: logs out all browsers and blocks all tokens. The user's jobs remain."""
    _set_disabled(name, True, as_json)


@group.command()
@command
def enable(name: Name, as_json: Json = False) -> None:
    """Enable a disabled user."""
    _set_disabled(name, False, as_json)


@group.command()
@command
def remove(name: Name, as_json: Json = False) -> None:
    """Remove a user with all tokens. The jobs remain under that name, and a later user of that name would own them."""
    _users().remove(name)
    print_answer({"removed": name}, f"{name} is removed", as_json)


@token_group.command("add")
@command
def add_token(
    name: Name,
    token: TokenName,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until the token expires; default: never.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create an API token and print it. It is shown only once, and only its hash is stored."""
    made = _users().add_token(name, token, None if days is None else days * 86_400.0)
    print_answer(made, made.token, as_json)


@token_group.command("list")
@command
def list_tokens(name: Name, as_json: Json = False) -> None:
    """List the names of a user's tokens, not the tokens themselves."""
    found = _users().list_tokens(name)
    if as_json:
        print_json({"tokens": found})
        return
    rows = [
        (
            one.name,
            _day(one.created_at),
            "never" if one.used_at is None else _day(one.used_at),
            "never" if one.expires_at is None else _day(one.expires_at),
            "expired" if one.expires_at is not None and one.expires_at <= time.time() else "",
        )
        for one in found
    ]
    if rows:
        print_table(("token", "created", "used", "expires", "state"), rows, {"expired": "yellow"})
    else:
        print(f"{name} has no tokens. `workbench user token add {name} NAME` creates one.")


@token_group.command("remove")
@command
def remove_token(name: Name, token: TokenName, as_json: Json = False) -> None:
    """Revoke a token."""
    _users().remove_token(name, token)
    print_answer({"user": name, "removed": token}, f"{token} of {name} is removed", as_json)


def _users() -> Users:
    from workbench.client.users import users_of

    return users_of(connect())


def _set_disabled(name: str, disabled: bool, as_json: bool) -> None:
    changed = _users().set_disabled(name, disabled)
    print_answer(changed, f"{name} is {'disabled' if disabled else 'enabled'}", as_json)


def _password(from_stdin: bool) -> str:
    """The password. Never an argument, because all users can read command lines, and the shell keeps a history."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Repeat the password", err=True))


def _day(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
