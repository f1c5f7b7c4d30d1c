"""Videos side by side, and per-frame series."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from schemas.comparison import Comparison
from schemas.frame_series import FrameSeries
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, refusals
from workbench.client.access import readable
from workbench.client.comparison.chosen import names_in
from workbench.client.comparison.compare import compare
from workbench.client.comparison.series import series_values

router = APIRouter(tags=["comparison"], route_class=StrictRoute)

Videos = Annotated[
    str, Query(max_length=2000, description="2 to 9 names, comma-separated: JOB, JOB:node.output, or a file's digest.")
]


@router.get("/api/compare", summary="Videos side by side", responses=refusals(422))
def compare_videos(videos: Videos, deployment: TheDeployment, user: CurrentUser) -> Comparison:
    """What differs between the runs, their metrics with the best marked, and what a player needs of each video.

    Videos that are gone, or that the user may not see, are named with the reason; the rest is shown.
    """
    return compare(deployment, user, names_in(videos))


@router.get("/api/artifacts/{sha256}/series", summary="The values of per-frame series", responses=refusals(404))
def get_series(sha256: str, response: Response, deployment: TheDeployment, user: CurrentUser) -> FrameSeries:
    """A Parquet artifact of a metric node as JSON."""
    found = series_values(deployment, readable(deployment, user, sha256))
    response.headers["Cache-Control"] = "private, max-age=86400"
    return found
