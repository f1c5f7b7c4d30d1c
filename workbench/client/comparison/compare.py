"""Puts videos side by side. The page, the command line, notebooks and exports all call ``compare``."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from schemas.comparison import ComparedVideo, Comparison, Spoken, SpokenWord
from schemas.errors import WorkbenchError
from schemas.frame_index import FrameIndex
from schemas.job import JobRecord
from workbench.client.access import User, reader
from workbench.client.comparison.chosen import Chosen, checked, choose
from workbench.client.comparison.differences import differences, labels
from workbench.client.comparison.measured import metrics
from workbench.client.comparison.series import series_of
from workbench.client.deployment import Deployment
from workbench.client.media.derived_files import frames
from workbench.store.listing import JobFilter

_APART_S = 0.02  # lengths that differ by less than half a frame at 25 fps count as equal


def compare(deployment: Deployment, user: User, names: Sequence[str]) -> Comparison:
    """2 to 9 videos side by side. Blocks: the first look at a video finds its frames, 0.1 s for a minute.

    A video that is gone, that the user may not see, or that cannot be read is said to be missing; the rest is shown.

    Args:
        names: of each: JOB, JOB:node.output, or the digest of a file from outside.

    Raises WorkbenchError: request.invalid, store.*, sql.unreachable.
    """
    owner = reader(user)
    chosen = [choose(deployment, user, name) for name in checked(names)]
    indexes = [_index(deployment, one, owner) for one in chosen]
    titles = _titles(deployment, chosen)
    found = differences(chosen)
    shown = labels(chosen, found, titles)
    videos = [
        _video(one, index if isinstance(index, FrameIndex) else None, label, title)
        for one, index, label, title in zip(chosen, indexes, shown, titles, strict=True)
    ]
    return Comparison(
        videos=videos,
        differences=found,
        metrics=metrics(deployment, chosen, owner),
        series=series_of(deployment, chosen),
        notes=_notes(videos, indexes),
    )


def _index(deployment: Deployment, one: Chosen, owner: str | None) -> FrameIndex | str:
    """The frame index of a video, or why it has none."""
    if one.ref is None:
        return ""
    try:
        return FrameIndex.model_validate_json(frames(deployment, one.ref, owner=owner).read_bytes())
    except WorkbenchError as error:
        if error.code.partition(".")[0] not in ("artifact", "upload", "store"):
            raise
        return error.message


def _titles(deployment: Deployment, chosen: Sequence[Chosen]) -> list[str]:
    ids = list({one.job for one in chosen if one.record})
    page = deployment.store.list(JobFilter(ids=ids, limit=len(ids))).jobs if ids else []
    lines = {line.id: line for line in page}
    made = []
    for one in chosen:
        line = lines.get(one.job)
        named = (line.title or line.pipeline) if line else (one.ref.name if one.ref else "")
        made.append(named or (f"run {one.job[:8]}" if one.job else f"file {one.given[:8]}"))
    return made


def _video(one: Chosen, index: FrameIndex | None, label: str, title: str) -> ComparedVideo:
    ref = one.ref
    if ref is None:
        return ComparedVideo(given=one.given, label=label, title=title, missing=one.missing, job=one.job or None)
    at = f"/api/artifacts/{ref.sha256}"
    shown = sum(time >= 0 for time in index.times) if index else ref.frames
    turned = index is not None and index.rotation in (90, 270)
    size = (index.width, index.height) if index else (ref.width, ref.height)
    return ComparedVideo(
        given=one.given,
        label=label,
        title=title,
        job=one.job or None,
        node=one.node or None,
        output=one.output or None,
        sha256=ref.sha256,
        media_type=ref.media_type,
        width=size[1] if turned else size[0],
        height=size[0] if turned else size[1],
        frames=shown,
        fps=index.fps if index else ref.fps,
        duration_s=index.duration_s if index else ref.duration_s,
        audio=index is not None and index.audio,
        spoken=spoken_in(one.record) if one.record else None,
        thumbnail=f"{at}/thumbnail",
        waveform=f"{at}/waveform" if index is not None and index.audio else "",
    )


def spoken_in(record: JobRecord) -> Spoken | None:
    """What a run says: words and phonemes with their times from the node that spoke them, or the text alone."""
    for node in record.nodes:
        words = _timed((node.output or {}).get("words"))
        if words:
            text = " ".join(word.text for word in words)
            return Spoken(text=text, words=words, phonemes=_timed((node.output or {}).get("phonemes")))
    texts = [(node.output or {}).get("narration") for node in record.nodes]
    texts += [node.input.get("narration") for node in record.graph.nodes]
    text = next((one for one in texts if isinstance(one, str) and one and not one.startswith("$")), "")
    return Spoken(text=text) if text else None


def _timed(given: object) -> list[SpokenWord]:
    found = []
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict):
            text = one.get("text", one.get("symbol", ""))
            with contextlib.suppress(TypeError, ValueError):
                found.append(SpokenWord(text=str(text), start=float(one["start_s"]), end=float(one["end_s"])))
    return found


def _notes(videos: Sequence[ComparedVideo], indexes: Sequence[FrameIndex | str]) -> list[str]:
    notes = [f"{video.label}: {video.missing}" for video in videos if video.missing]
    notes += [
        f"{video.label}: it cannot be shown frame by frame ({index})."
        for video, index in zip(videos, indexes, strict=True)
        if isinstance(index, str) and index
    ]
    there = [video for video in videos if video.sha256]
    rates = {round(video.fps, 3) for video in there if video.fps}
    if len(rates) > 1:
        named = ", ".join(f"{rate:g}" for rate in sorted(rates))
        notes.append(f"The frame rates differ ({named} frames/s): frames are aligned by time.")
    lengths = [video.duration_s for video in there if video.duration_s is not None]
    if lengths and max(lengths) - min(lengths) > _APART_S:
        notes.append(
            f"The lengths differ ({min(lengths):.2f} to {max(lengths):.2f} s): a shorter video stays at its last frame."
        )
    for video, index in zip(videos, indexes, strict=True):
        if isinstance(index, FrameIndex) and index.variable:
            notes.append(f"{video.label}: the time between its frames varies.")
    sizes = {(video.width, video.height) for video in there}
    if len(sizes) > 1:
        named = ", ".join(f"{width} x {height}" for width, height in sorted(sizes, key=str))
        notes.append(f"The sizes differ ({named}): each is scaled to the same height.")
    return notes
