"""Addresses in MLflow's page.

Every address names the view for runs and metrics. Without this, MLflow 3 opens its view for chat applications, and its
comparison of runs stays empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import orjson

from workbench.store.tracking_api import without_login

_VIEW = "workflowType=machine_learning"


def run_url(base_url: str, run_id: str) -> str:
    """The page of a run in the MLflow interface at this URL or path, without credentials."""
    return f"{_page(base_url)}/runs/{run_id}?{_VIEW}"


def experiment_url(base_url: str, experiment_id: str) -> str:
    """The table of an experiment's runs."""
    return f"{_page(base_url)}/experiments/{experiment_id}?{_VIEW}"


def comparison_url(base_url: str, run_ids: Iterable[str], experiment_ids: Iterable[str]) -> str:
    """The comparison of runs: parallel coordinates, parameters, metrics, artifacts."""
    lists = {"runs": run_ids, "experiments": experiment_ids}
    given = "&".join(f"{name}={quote(orjson.dumps(list(ids)).decode(), safe='')}" for name, ids in lists.items())
    return f"{_page(base_url)}/compare-runs?{given}&{_VIEW}"


def _page(base_url: str) -> str:
    return f"{without_login(base_url) if '://' in base_url else base_url.rstrip('/')}/#"
