"""Names of experiments are checked in words."""

from __future__ import annotations

import pytest

from schemas.errors import WorkbenchError
from schemas.name import checked_name
from workbench.client.submit import job_request

REFUSED = [
    ("", "the name is empty"),
    ("  ", "the name consists of blanks only"),
    (" mornings", "the name begins or ends with a blank"),
    ("x" * 134, "the name has 134 characters"),
    ("a\nb", "the name has a line break, a tab or another control character"),
]


@pytest.mark.parametrize(("name", "sentence"), REFUSED)
def test_a_name_that_cannot_be_an_experiment_is_refused_in_words(name: str, sentence: str) -> None:
    for refuse in (
        lambda: checked_name(name, "--experiment"),
        lambda: job_request(pipeline="talking_head", experiment=name),
    ):
        with pytest.raises(WorkbenchError) as caught:
            refuse()
        error = caught.value
        assert (error.code, sentence in error.message) == ("request.invalid", True)
        assert error.seen == name and "^" not in f"{error.message} {error.allowed}", "no regular expression"
        assert str(error.allowed).startswith("1 to 100 characters")


@pytest.mark.parametrize("name", ["mornings", "Grüße 1", "a/b · c", "x" * 100])
def test_other_names_are_accepted(name: str) -> None:
    assert checked_name(name, "") == name
