"""The Alembic environment. The connection, and with it the transaction, comes from the caller."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from workbench.store.tables import Json, metadata


def _render(kind: str, item: Any, autogen_context: object) -> str | Literal[False]:
    # A migration is frozen: it must not change with our own types.
    return "sa.Text()" if kind == "type" and isinstance(item, Json) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column: a table is copied instead
    render_item=_render,
    compare_type=True,
)
context.run_migrations()
