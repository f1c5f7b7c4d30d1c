"""One app with login in front of the session's MLflow: an admin, a runner and a viewer with tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from schemas.access import Role
from tests.app.access.server import served
from workbench.app.server import guarded_app
from workbench.client.deployment import Deployment
from workbench.client.users import users_of
from workbench.settings import Settings
from workbench.store.tracking_api import TrackingApi

ROLES = {"ann": Role.ADMIN, "rob": Role.RUNNER, "vi": Role.VIEWER}


@dataclass
class Front:
    """The app as users reach it, and MLflow as the control plane reaches it.

    Attributes:
        direct: MLflow on its socket, without the app.
        experiment: an experiment in this MLflow.
        run: a run in it.
    """

    deployment: Deployment
    url: str
    client: httpx.Client
    tokens: Mapping[str, str]
    direct: TrackingApi
    experiment: str
    run: str
    artifacts: str

    def ask(self, who: str, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", **given.pop("headers", {})}
        return self.client.request(method, f"{self.url}/mlflow{path}", headers=headers, **given)

    def ask_directly(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer of MLflow itself over its socket."""
        answer = self.direct._request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.loads(answer)


@pytest.fixture(scope="package")
def front(tmp_path_factory: pytest.TempPathFactory, mlflow_url: str) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    deployment = Deployment(
        Settings(
            home=folder,
            bus_url="redis://127.0.0.1:1",
            s3_url="http://127.0.0.1:2",
            sql_url=f"sqlite:///{folder}/jobs.db",
            mlflow_url=mlflow_url,
            login="required",
            mlflow_upload_mb=20,
        )
    )
    users = users_of(deployment)
    tokens = {}
    for name, role in ROLES.items():
        users.add(name, role, f"{name}'s long password")
        tokens[name] = users.add_token(name, "tests").token
    direct = TrackingApi(mlflow_url)
    experiment = direct.experiment_id("front")
    run = direct.create_run(experiment, "made", "tests", 1, {})
    app = guarded_app(deployment, "127.0.0.1", 0, pages=False)
    with served(app) as port, httpx.Client(timeout=60) as client:
        run_id, artifacts = str(run["run_id"]), str(run["artifact_uri"])
        yield Front(deployment, f"http://127.0.0.1:{port}", client, tokens, direct, experiment, run_id, artifacts)
    deployment.close()
