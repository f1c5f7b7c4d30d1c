"""Base of all contract models: camelCase in JSON, snake_case in Python, unknown fields rejected."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Contract(BaseModel):
    """A model that crosses a process boundary."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_enum_values=False,
    )

    def to_json(self) -> bytes:
        """The canonical wire form: UTF-8 JSON, camelCase, no indentation."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True)
