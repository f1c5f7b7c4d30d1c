"""Names that people give to experiments, pipelines' presets and the like, checked in words."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from schemas.errors import WorkbenchError

LENGTH = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN = rf"^[^\x00-\x1f\x7f]{{1,{LENGTH}}}$"
_TRIMMED = rf"^(?!\s)[^\x00-\x1f\x7f]{{1,{LENGTH}}}(?<!\s)$"


def new_name(text: str) -> str:
    """The name, if it may be given to something new. Raises PydanticCustomError, a ValueError with a sentence."""
    if not text.strip():
        raise _error("the name is empty" if not text else "the name consists of blanks only")
    if text != text.strip():
        raise _error("the name begins or ends with a blank")
    return known_name(text)


def known_name(text: str) -> str:
    """The name, if something may have it. Earlier versions allowed blanks at its ends. Raises as ``new_name``."""
    if not text:
        raise _error("the name is empty")
    if len(text) > LENGTH:
        raise _error(f"the name has {len(text)} characters")
    if _CONTROL.search(text):
        raise _error("the name has a line break, a tab or another control character")
    return text


def checked_name(text: str, where: str) -> str:
    """As ``new_name``, for callers without a model. Raises WorkbenchError (request.invalid)."""
    try:
        return new_name(text)
    except PydanticCustomError as error:
        context = error.context or {}
        raise WorkbenchError(
            "request.invalid",
            error.message(),
            where=where,
            seen=text,
            allowed=context.get("expected"),
            remedy="Choose another name.",
        ) from None


def _error(sentence: str) -> PydanticCustomError:
    allowed = f"1 to {LENGTH} characters on one line, without blanks at the beginning and the end"
    return PydanticCustomError("name", "{sentence}", {"sentence": sentence, "expected": allowed})


def _schema(pattern: str, words: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": LENGTH, "pattern": pattern, "description": words}
    )


Name = Annotated[
    str,
    AfterValidator(new_name),
    _schema(_TRIMMED, f"1 to {LENGTH} characters on one line, no blanks at the beginning and the end."),
]
KnownName = Annotated[str, AfterValidator(known_name), _schema(_PLAIN, f"1 to {LENGTH} characters on one line.")]
