"""A comparison as one HTML file that opens from a disk, without the workbench and without a network."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import orjson

from schemas.comparison import Comparison
from schemas.errors import WorkbenchError
from workbench.client.access import User, reader
from workbench.client.comparison.chosen import Chosen, choose
from workbench.client.comparison.compare import compare
from workbench.client.comparison.series import series_values
from workbench.client.comparison.tables import tables_html
from workbench.client.delivery.deliver import Delivery, deliver
from workbench.client.deployment import Deployment
from workbench.client.media.derived_files import frames_of_copy, thumbnail, waveform
from workbench.web import folder, style_sheets
from workbench.web.modules import import_map

MOST_BYTES = 300_000_000  # of all videos; a browser holds a page of that size as text
_PEAKS = 600
_STILL_PX = 320
_TEMPLATE = Path(__file__).with_name("exported.html")


@dataclass(frozen=True)
class Exported:
    """A page, and what is to be said about it.

    Attributes:
        unsigned: why videos carry no signature, in sentences.
    """

    text: str
    comparison: Comparison
    unsigned: list[str]


def export(deployment: Deployment, user: User, names: Sequence[str], *, title: str = "") -> Exported:
    """The comparison as a page: the player, signed copies of the videos, tables. Blocks: a second for 10 MB of video.

    Raises WorkbenchError: request.invalid if the videos are too large for one file; as ``compare``.
    """
    found = compare(deployment, user, names)
    held = Held(deployment, user)
    section = held.player(found)
    heading = title or "Comparison: " + ", ".join(video.label for video in found.videos)
    return Exported(page(heading, section + tables_html(found), held), found, held.unsigned)


class Held:
    """What a page holds: each video once, however many players show it."""

    def __init__(self, deployment: Deployment, user: User) -> None:
        self.deployment, self._user = deployment, user
        self._copies: dict[str, Delivery] = {}
        self._data: list[str] = []
        self._bytes = self._players = 0
        self.unsigned: list[str] = []

    def player(self, found: Comparison) -> str:
        """The place of a player; without scripts it shows a still of each video."""
        self._players += 1
        name = f"player-{self._players}"
        chosen = [choose(self.deployment, self._user, video.given) for video in found.videos]
        values = self._series(found)
        videos, stills = [], []
        for at, (video, one) in enumerate(zip(found.videos, chosen, strict=True)):
            copy = self._held(one) if one.ref else None
            videos.append(
                {
                    "label": video.label,
                    "sha256": copy.sha256 if copy else "",
                    "missing": video.missing or ("" if copy else "The video has no frames that could be shown."),
                    "mediaType": video.media_type,
                    "audio": video.audio,
                    "peaks": self._peaks(one) if video.audio else [],
                    "spoken": video.spoken.model_dump(mode="json", by_alias=True) if video.spoken else None,
                    "series": values[at],
                }
            )
            stills.append(self._still(one, video.label, video.missing))
        self._data.append(_json(name, videos))
        return f'<section data-player="{name}"><div class="wb-exported-stills">{"".join(stills)}</div></section>'

    @property
    def data(self) -> str:
        """The elements that hold the data."""
        return "\n".join(self._data)

    def _held(self, one: Chosen) -> Delivery | None:
        """The copy of a video that the page holds; None if its frames cannot be found."""
        assert one.ref is not None
        if one.ref.sha256 in self._copies:
            return self._copies[one.ref.sha256]
        copy = deliver(self.deployment, one.ref, record=one.record, owner=reader(self._user))
        self._bytes += copy.path.stat().st_size
        if self._bytes > MOST_BYTES:
            raise WorkbenchError(
                "request.invalid",
                "the videos are too large for one file",
                where="videos",
                seen=f"more than {MOST_BYTES // 1_000_000} MB",
                allowed=f"up to {MOST_BYTES // 1_000_000} MB of video in all",
                remedy="Export fewer or shorter videos, or send the address of the compare page.",
            )
        try:
            index = frames_of_copy(self.deployment, copy.path, copy.sha256)
        except WorkbenchError as error:
            if error.code.partition(".")[0] not in ("artifact", "upload"):
                raise
            return None
        if copy.unsigned_because:
            self.unsigned.append(f"A video of {one.job[:8] or one.given[:8]} is not signed: {copy.unsigned_because}.")
        self._data.append(_element(f"frames-{copy.sha256}", "application/json", _safe(index.read_text())))
        content = base64.b64encode(copy.path.read_bytes()).decode()
        self._data.append(_element(f"bytes-{copy.sha256}", "text/plain", content))
        self._copies[one.ref.sha256] = copy
        return copy

    def _series(self, found: Comparison) -> list[list[dict[str, Any]]]:
        """For each video, its curves."""
        values: list[list[dict[str, Any]]] = [[] for _ in found.videos]
        for series in found.series:
            for at, sha256 in enumerate(series.of):
                ref = self.deployment.store.artifact(sha256) if sha256 else None
                if ref is None:
                    continue
                table = series_values(self.deployment, ref)
                own = next(one for one in table.series if one.name == series.name)
                shown = own.model_dump(mode="json", by_alias=True)
                values[at].append({**shown, "times": table.times_s})
        return values

    def _peaks(self, one: Chosen) -> list[float]:
        try:
            return waveform(self.deployment, one.ref, _PEAKS) if one.ref else []
        except WorkbenchError:  # the player works without a drawing of the audio
            return []

    def _still(self, one: Chosen, label: str, missing: str) -> str:
        named = html.escape(label)
        picture = still(self.deployment, one)
        drawn = f'<img src="{picture}" alt="{named}">' if picture else f"<p>{html.escape(missing)}</p>"
        return f"<figure>{drawn}<figcaption>{named}</figcaption></figure>"


def still(deployment: Deployment, one: Chosen) -> str:
    """A frame of a video as data:, which is visible without the workbench; "" if there is none."""
    if one.ref is None:
        return ""
    try:
        frame = thumbnail(deployment, one.ref, _STILL_PX).read_bytes()
    except WorkbenchError:
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(frame).decode()}"


def page(title: str, content: str, held: Held) -> str:
    """The whole document."""
    sheets = [one.read_text(encoding="utf-8") for one in style_sheets()]
    made = f"Made on {datetime.now(UTC):%d %B %Y} by talking-head-workbench. This file needs no network."
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        about=html.escape(made),
        style="\n".join(sheets).replace("</", "<\\/"),
        modules=_safe(orjson.dumps({"imports": import_map("exported.js", [folder()])}).decode()),
        content=content,
        data=held.data,
    )


def _json(name: str, value: Any) -> str:
    return _element(name, "application/json", _safe(orjson.dumps(value).decode()))


def _element(name: str, kind: str, text: str) -> str:
    return f'<script type="{kind}" id="{name}">{text}</script>'


def _safe(json: str) -> str:
    """JSON that cannot end the element that holds it."""
    return json.replace("<", "\\u003c")
