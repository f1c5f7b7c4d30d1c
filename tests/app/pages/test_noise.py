"""Only console errors of third parties are filtered, by their origin."""

from __future__ import annotations

import pytest

from tests.app.pages.noise import is_noise

REMOVED = "script: NotFoundError: Failed to execute 'removeChild' on 'Node': The node is not a child of this node.\n"
LAB = "    at http://127.0.0.1:5/static/lab/jlab_core.8811.js?v=8811:13173:720"
LATE = (
    "script: Error: [anywidget] Failed to initialize model.\n"
    "    at AbortSignal.<anonymous> (http://127.0.0.1:5/lab/extensions/anywidget/static/528.d9.js:1600:30)"
)
LEFT = "console: Unexpected error Connection errored out.  (http://127.0.0.1:5/assets/index-Dp.js)"
ABORTED = "console: Uncaught (in promise) AbortError: signal is aborted without reason"


@pytest.mark.parametrize("report", [REMOVED + LAB, f"{ABORTED} (http://127.0.0.1:5/assets/index-b1.js)", LATE, LEFT])
def test_errors_of_third_parties_are_noise(report: str) -> None:
    assert is_noise(report)


@pytest.mark.parametrize(
    "report",
    [
        REMOVED,  # the origin is unknown
        f"{REMOVED}{LAB}\n    at Job.draw (blob:http://127.0.0.1:5/0b1c:10:2)",
        f"{REMOVED}    at http://127.0.0.1:5/web/job.js:10:2",
        f"{ABORTED} (http://127.0.0.1:5/web/feed.js)",
        "script: TypeError: cannot read properties of null\n" + LAB,
        LEFT.replace("/assets/", "/web/"),
        "status 404: http://127.0.0.1:5/api/jobs/1",
        "status 500: http://127.0.0.1:5/api/kernels?1",
    ],
)
def test_other_errors_are_not_noise(report: str) -> None:
    assert not is_noise(report)
