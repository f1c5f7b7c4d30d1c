"""Signed links: each opens one file, from any page and without a login, and nothing else."""

from __future__ import annotations

import pytest

from schemas.refs import VideoRef
from tests.app.access.conftest import Launch
from workbench.client.deployment import Deployment
from workbench.client.media import links

FROM_ANOTHER_PAGE = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "video"}


def test_a_signed_link_opens_from_any_page_but_not_without_its_signature(
    launch: Launch, deployment: Deployment
) -> None:
    client, link = launch(), links.probe_link(deployment.settings)
    answer = client.get(link, headers=FROM_ANOTHER_PAGE)
    assert (answer.status_code, answer.headers["cross-origin-resource-policy"]) == (204, "cross-origin")
    path, _, query = link.partition("?")
    other = links.PATH + "ab" * 32
    for wrong in (link[:-1] + ("0" if link[-1] != "0" else "1"), path, f"{other}?{query}", f"{path}?kind=x&{query}"):
        answer = client.get(wrong, headers=FROM_ANOTHER_PAGE)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.cross_site")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert client.get(wrong).json()["code"] == "access.login_required"
    assert client.post(link, headers=FROM_ANOTHER_PAGE).status_code == 403


def test_media_links_of_a_server_without_users_need_a_valid_host_name(launch: Launch, deployment: Deployment) -> None:
    client, link = launch("127.0.0.1", app_token="t" * 43), links.probe_link(deployment.settings)
    assert client.get(link).status_code == 204
    assert client.get(link, headers={"Host": "evil.example"}).status_code == 421


def test_a_link_expires_after_a_week_and_names_its_file(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = links.media_link(deployment.settings, VideoRef(sha256="ab" * 32, name="a b&c.mp4"))
    path, _, query = link.partition("?")
    assert links.is_signed(deployment.settings, path, query)
    ref = links.linked_ref(path, query)
    assert ref is not None and (ref.kind, ref.media_type, ref.name) == ("video", "video/mp4", "a b&c.mp4")
    unsigned = deployment.settings.model_copy(update={"s3_secret_key": ""})
    assert links.media_link(unsigned, ref) == "" and not links.is_signed(unsigned, path, query)
    now = links.time.time()
    monkeypatch.setattr(links.time, "time", lambda: now + links.LINK_S + 1)
    assert not links.is_signed(deployment.settings, path, query)
