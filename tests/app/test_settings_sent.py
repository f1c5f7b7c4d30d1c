"""Which settings go with a job: those of the steps it will have."""

from __future__ import annotations

from workbench.app.pages.form import settings_sent

PARAMS = {
    "script": {"tone": "dry"},
    "review": {"x": 1},
    "speech": {"rate": 1.2},
    "upscale": {"scale": 2},
    "animate": {"sway": 1},
}


def test_steps_that_are_left_out_send_nothing() -> None:
    sent = settings_sent(PARAMS, ["upscale"], {"script": "Hello.", "approve": True})
    assert set(sent) == {"script", "review", "speech", "animate"}


def test_a_recording_takes_the_place_of_what_leads_to_a_speech() -> None:
    assert set(settings_sent(PARAMS, [], {"audio": "0" * 64})) == {"upscale", "animate"}


def test_review_is_there_only_where_somebody_approves() -> None:
    assert "review" not in settings_sent(PARAMS, [], {"prompt": "Why?"})
    assert "review" in PARAMS  # the form keeps it
