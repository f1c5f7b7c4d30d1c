"""The table of MLflow routes is complete: an upgrade with a new route fails here until its access is decided."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from workbench.app.mlflow.routes import Kind, kind_of

# The routes of Flask and of the FastAPI application around it; parameters become the word "x".
LIST = """
import json, os, re
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="true")
from mlflow.server import app
from mlflow.server.fastapi_app import create_fastapi_app

found = {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods - {"OPTIONS"}}

def walk(routes):
    for route in routes:
        if hasattr(route, "effective_candidates"):
            walk(route.effective_candidates())
        elif getattr(route, "methods", None):
            found.update((method, route.path) for method in route.methods)

walk(create_fastapi_app(app).routes)
print(json.dumps(sorted({(method, re.sub(r"<[^>]+>|\\{[^}]+\\}", "x", path)) for method, path in found})))
"""


@pytest.fixture(scope="module")
def offered() -> list[tuple[str, str]]:
    """The method and path of every route of the installed MLflow."""
    ran = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True, timeout=120)
    return [(method, path) for method, path in json.loads(ran.stdout.splitlines()[-1])]


def test_every_route_of_the_installed_mlflow_is_in_the_table(offered: list[tuple[str, str]]) -> None:
    assert len(offered) > 500
    assert [(method, path) for method, path in offered if kind_of(method, path) is None] == []


def test_no_route_that_changes_data_is_open_to_viewers(offered: list[tuple[str, str]]) -> None:
    """A request other than GET only reads if its name says so."""
    reading = {path for method, path in offered if method not in ("GET", "HEAD") and kind_of(method, path) is Kind.READ}
    searches = ("search", "search-datasets", "metrics", "batchGetInfos", "calculate-filter-correlation", "graphql")
    assert {path for path in reading if not path.endswith((*searches, "get-latest-versions"))} == set()


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("HEAD", "/get-artifact", Kind.READ),
        ("POST", "/api/2.0/mlflow/runs/log-batch", Kind.LOG),
        ("POST", "/ajax-api/2.0/mlflow/runs/delete", Kind.ADMIN),
        ("POST", "/ajax-api/3.0/mlflow/issues/invoke", Kind.NEVER),
        ("POST", "/api/2.0/mlflow/webhooks/7/test", Kind.NEVER),
        ("GET", "/ajax-api/3.0/mlflow/assistant/config", Kind.NEVER),
        ("DELETE", "/api/2.0/mlflow/runs/get", Kind.NEVER),
        ("POST", "/api/2.0/mlflow/runs/delete/", None),
        ("GET", "/API/2.0/mlflow/runs/get", None),
        ("POST", "/api/2.0/mlflow/something/new", None),
    ],
)
def test_requests_are_classified(method: str, path: str, kind: Kind | None) -> None:
    assert kind_of(method, path) is kind
