"""What generate.wav2lip hears, where it sees the face, and what it changes in a frame. The network: tests/torch."""

from __future__ import annotations

import cmath
import io
import math
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes._face import load_face_models
from nodes.generate._audio_blocks import AudioReader
from nodes.generate._wav2lip.blending import SIDE, Blending, mouth_mask, put_back, taken
from nodes.generate._wav2lip.finding import FaceFinder
from nodes.generate._wav2lip.hearing import STEPS, Hearing
from nodes.generate._wav2lip.mel import BANDS, HOP, RATE_HZ, SILENCE, WINDOW, basis, mel_steps
from nodes.generate._wav2lip.smoothing import Box
from nodes.generate._wav2lip.track import FaceTrack, Sight, Tracking
from nodes.local import local_context
from nodes.sdk import NodeError
from tests.nodes.swaying import FPS, swaying

# ---- the sound


def slaney_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def test_the_filters_are_triangles_of_equal_area_on_slaneys_scale() -> None:
    lowest, highest = 55 * 3 / 200, 15 + 27 * math.log(7600 / 1000) / math.log(6.4)
    edges = [slaney_hz(lowest + (highest - lowest) * at / 81) for at in range(82)]
    assert edges[0] == pytest.approx(55) and edges[81] == pytest.approx(7600)
    for band in (0, 1, 17, 40, 79):
        left, top, right = edges[band : band + 3]
        for bin_ in range(401):
            hz = 20 * bin_
            slope = (hz - left) / (top - left) if hz <= top else (right - hz) / (right - top)
            assert basis()[band, bin_] == pytest.approx(2 / (right - left) * max(0.0, slope), abs=1e-12)


def test_a_tone_has_the_level_that_the_formulas_give() -> None:
    hz, loudness = 1000.0, 0.25
    sound = loudness * np.sin(2 * np.pi * hz * np.arange(-401, 4000) / RATE_HZ)
    mel = mel_steps(sound.astype(np.float32), 10)
    emphasised = abs(1 - 0.97 * cmath.exp(-2j * math.pi * hz / RATE_HZ))
    peak = loudness * emphasised * WINDOW / 4  # of the Hann window's transform; half of it in the bins beside it
    seen = basis()[:, 49] / 2 + basis()[:, 50] + basis()[:, 51] / 2
    loud = np.flatnonzero(seen)
    expected = 8 * (20 * np.log10(peak * seen[loud]) - 20 + 100) / 100 - 4
    assert np.allclose(mel[loud], expected[:, None], atol=0.01) and mel[:, 0].argmax() in loud
    assert (mel_steps(np.zeros(3000, np.float32), 5) == SILENCE).all()
    assert mel_steps(np.full(3000, 1, np.float32) * (-1) ** np.arange(3000), 5).max() <= 4


def wav(samples: Any, rate_hz: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(np.round(np.asarray(samples) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def heard(tmp_path: Path, sound: Any, rate_hz: int, fps: Fraction, cuts: tuple[int, ...] = (), lead: float = 0) -> Any:
    ctx = local_context(tmp_path)
    pieces = [ctx.save(wav(piece, rate_hz), "audio") for piece in np.split(sound, cuts)]
    return Hearing(AudioReader(pieces, ctx.open), fps, lead)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
@pytest.mark.parametrize(("fps", "lead_ms"), [(Fraction(25), 0), (Fraction(30000, 1001), 0), (Fraction(25), -100)])
def test_a_click_is_heard_by_the_frames_whose_window_has_it_and_by_no_other(
    tmp_path: Path, rate_hz: int, fps: Fraction, lead_ms: float
) -> None:
    sound = np.zeros(2 * rate_hz)
    sound[rate_hz] = 1  # after one second
    hearing = heard(tmp_path, sound, rate_hz, fps, lead=lead_ms)
    count = hearing.frames(1000)
    assert count == math.ceil(2 * fps)
    windows = hearing.windows(0, count)
    assert windows.shape == (count, BANDS, STEPS) and windows.dtype == np.float32
    hears = {frame for frame in range(count) if windows[frame].max() > -1.5}
    shift = round(lead_ms / 12.5)
    steps = {79, 80, 81}  # those whose 50 ms around s / 80 seconds have it
    first = [math.floor(frame * 80 / fps) + shift for frame in range(count)]
    assert hears == {frame for frame in range(count) if steps & set(range(first[frame], first[frame] + STEPS))}
    loudest = [first[frame] + int(windows[frame].max(0).argmax()) for frame in hears]
    assert all(step == 80 for frame, step in zip(hears, loudest, strict=True) if first[frame] in range(65, 81))


def test_windows_are_the_same_wherever_the_sound_is_cut_and_wherever_one_begins(tmp_path: Path) -> None:
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, 3 * 24_000 + 17)
    whole = heard(tmp_path, sound, 24_000, Fraction(25)).windows(0, 76)
    cut = heard(tmp_path, sound, 24_000, Fraction(25), (1, 5000, 24_000, 51_234))
    assert [cut.frames(wanted) for wanted in (10, 75, 76, 80)] == [10, 75, 76, 76]
    pieces = [cut.windows(start, min(start + 7, 76) - start) for start in range(0, 76, 7)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert np.array_equal(heard(tmp_path, sound, 24_000, Fraction(25)).windows(60, 16), whole[60:])
    assert (whole[75, :, 3:] == SILENCE).all() and (whole[75, :, 0] > SILENCE).all(), "after the end it is silent"
    assert HOP * 80 == RATE_HZ


# ---- the face: planned boxes, then a real moving one

PLAN = Tracking(every=3, radius=6, bridge=6, away=20)


def numbered(count: int) -> Iterator[Any]:
    return (np.full((2, 2, 3), number, np.uint8) for number in range(count))


def planned(plan: dict[int, Box | None] | list[Box | None], looked: list[int] | None = None) -> Any:
    def find(rgb: Any, near: Box | None, moved_on: bool) -> Box | None:
        number = int(rgb[0, 0, 0])
        if looked is not None:
            looked.append(number)
        return plan[number]

    return find


def at(x: float, y: float = 0.0) -> Box:
    return Box(x, y, x + 100, y + 120)


def test_frames_without_a_face_are_bridged_up_to_a_limit_and_stay_as_they_are_beyond_it() -> None:
    gone = {*range(13, 18), *range(40, 49)}  # five frames, then nine
    plan: list[Box | None] = [None if frame in gone else at(frame) for frame in range(80)]
    looked: list[int] = []
    track = FaceTrack(numbered(80), planned(plan, looked), PLAN, Fraction(25))
    boxes = [track.box(frame) for frame in range(80)]
    sights = [track.sight(frame) for frame in range(80)]
    assert {frame for frame in range(80) if sights[frame] is Sight.BRIDGED} == set(range(13, 18))
    assert {frame for frame in range(80) if sights[frame] is Sight.AWAY} == set(range(40, 49))
    for frame in range(80):
        box = boxes[frame]
        assert (box is None) == (40 <= frame < 49)
        assert box is None or (abs(box.left - frame) < 0.5 and abs(box.width - 100) < 1e-6), "it moves on evenly"
    assert len(looked) < 45, "it looks at each frame only around those without a face"
    assert track.ended and track.count == 80


def test_a_box_does_not_depend_on_when_it_is_asked_for() -> None:
    rng = np.random.default_rng(3)
    plan: list[Box | None] = [
        None if 30 <= frame < 34 or 60 <= frame < 75 else at(20 * math.sin(frame / 5) + rng.normal(0, 1))
        for frame in range(120)
    ]
    as_needed = FaceTrack(numbered(120), planned(plan), PLAN, Fraction(25))
    at_once = FaceTrack(numbered(120), planned(plan), PLAN, Fraction(25))
    at_once.read(119)
    assert at_once.ended
    assert [as_needed.box(frame) for frame in range(120)] == [at_once.box(frame) for frame in range(119, -1, -1)][::-1]


def test_the_smoothing_stops_at_a_cut_to_another_image() -> None:
    plan: list[Box | None] = [at(0) if frame < 31 else at(400) for frame in range(60)]
    track = FaceTrack(numbered(60), planned(plan), PLAN, Fraction(25))
    lefts = [box.left for frame in range(60) if (box := track.box(frame))]
    assert lefts == pytest.approx([0] * 31 + [400] * 29)
    gone: list[Box | None] = [None if 28 <= frame < 31 else box for frame, box in enumerate(plan)]
    track = FaceTrack(numbered(60), planned(gone), PLAN, Fraction(25))
    assert [track.sight(frame) for frame in (27, 28, 30, 31)] == [Sight.SEEN, Sight.AWAY, Sight.AWAY, Sight.SEEN]


def test_a_face_that_is_away_for_too_long_is_refused_where_that_is_shown() -> None:
    plan: list[Box | None] = [at(0) if frame < 10 else None for frame in range(60)]
    track = FaceTrack(numbered(60), planned(plan), PLAN, Fraction(25))
    assert track.box(29) is None  # 20 frames
    with pytest.raises(NodeError) as caught:
        track.box(30)
    assert caught.value.where == "video: from frame 10, at 0.4 s"
    assert caught.value.seen == "no face in 21 successive frames" and caught.value.allowed == "up to 20 frames"
    with pytest.raises(NodeError, match="no face of a person"):
        FaceTrack(numbered(9), planned([None] * 9), PLAN, Fraction(25)).box(0)


@pytest.mark.models
def test_another_person_is_not_taken_for_the_one_who_turns_away(tmp_path: Path) -> None:
    frame = swaying(tmp_path, 1, 0.0)[0][0]
    both = np.concatenate([frame, frame[:, ::-1]], axis=1)
    without = both.copy()
    without[50:200, 60:200] = frame[60, 70]  # hair in place of the face
    frames = [both] * 6 + [without] * 4 + [both] * 6
    plan = Tracking(every=2, radius=4, bridge=5, away=50)
    for number, gone, left in ((1, True, 0), (2, False, 256)):
        track = FaceTrack(iter(frames), FaceFinder(load_face_models(), number), plan, Fraction(FPS))
        sights = [track.sight(at) for at in range(16)]
        assert sights == [Sight.SEEN] * 6 + [Sight.BRIDGED if gone else Sight.SEEN] * 4 + [Sight.SEEN] * 6
        boxes = [track.box(at) for at in range(16)]
        assert all(box is not None and left < box.left < box.right < left + 256 for box in boxes)


@pytest.mark.models
def test_the_box_follows_the_head_and_does_not_tremble(tmp_path: Path) -> None:
    find = FaceFinder(load_face_models(), 0)
    plan = Tracking(every=2, radius=8, bridge=12, away=50)
    for amplitude, noise in ((0.0, 8.0), (15.0, 8.0)):
        frames, moved = swaying(tmp_path, 40, amplitude, 1.0, noise)
        raw = np.array([find(rgb, None, True) for rgb in frames])
        track = FaceTrack(iter(frames), find, plan, Fraction(FPS))
        boxes = np.array([track.box(frame) for frame in range(len(frames))])
        off, raw_off = (((one[:, :2] + one[:, 2:]) / 2 - moved) for one in (boxes, raw))
        off, raw_off = off - np.median(off, axis=0), raw_off - np.median(raw_off, axis=0)
        size = float((boxes[:, 3] - boxes[:, 1]).mean())
        trembling, raw_trembling = np.diff(off, 2, axis=0).std(), np.diff(raw_off, 2, axis=0).std()
        print(f"moved by {amplitude} px: off by {np.abs(off).max():.2f} of {size:.0f} px, at most;", end=" ")
        print(f"trembles by {trembling:.3f} px, the detector by {raw_trembling:.3f}")
        assert 90 < size < 130
        assert np.abs(off).max() < 0.01 * size, "it is where the face is"
        assert trembling < 0.25 * raw_trembling, "and steadier than the detector"
        assert np.ptp(boxes[:, 3] - boxes[:, 1]) < np.ptp(raw[:, 3] - raw[:, 1]) / 1.5


# ---- the mouth

BOX = Box(60.3, 40.7, 170.1, 190.2)


def frame_of_noise(seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (220, 240, 3)).astype(np.uint8)


@pytest.mark.parametrize("mouth_only", [True, False])
@pytest.mark.parametrize("box", [BOX, Box(-30.5, -10, 60, 100), Box(180, 90, 290, 240), Box(500, 500, 600, 600)])
def test_nothing_changes_outside_the_mouth(mouth_only: bool, box: Box) -> None:
    rgb = frame_of_noise()
    kept = rgb.copy()
    mask = mouth_mask(0.1, mouth_only=mouth_only)
    made = put_back(rgb, box, taken(rgb, box), np.zeros((SIDE, SIDE, 3), np.float32), Blending(mask, False))
    assert np.array_equal(rgb, kept), "the frame itself is not changed"
    y, x = np.mgrid[:220, :240] + 0.5
    across, down = (x - box.left) / box.width, (y - box.top) / box.height
    lower = (across > -0.01) & (across < 1.01) & (down > 0.49) & (down < 1.01)
    if mouth_only:
        lower &= np.hypot((across - 0.5) / 0.42, (down - 0.77) / 0.25) < 1
    assert np.array_equal(made[~lower], rgb[~lower])
    inside = np.hypot((across - 0.5) / 0.18, (down - 0.77) / 0.08) < 1
    assert (made[inside] == 0).all() and (box.left > 240 or inside.any())


def test_a_face_that_is_put_back_where_it_was_taken_looks_the_same() -> None:
    y, x = np.mgrid[:220, :240]
    rgb = np.stack([100 + 50 * np.sin(x / 9), 120 + 60 * np.cos(y / 11), 90 + 0.3 * x + 0.2 * y], -1).astype(np.uint8)
    before = taken(rgb, BOX)
    face = before.astype(np.float32)
    blending = Blending(mouth_mask(0.1, mouth_only=False), match_colour=True)
    made = put_back(rgb, BOX, before, face, blending).astype(int)
    assert np.abs(made - rgb).max() <= 6
    tinted = put_back(rgb, BOX, before, face + np.float32([30, -20, 10]), blending).astype(int)
    assert np.abs(tinted - made).max() <= 1, "its colours are those around it"
    plain = put_back(rgb, BOX, before, face + np.float32([30, -20, 10]), Blending(blending.mask, match_colour=False))
    assert np.abs(plain.astype(int) - made).max() >= 28


def test_the_edge_of_the_mouth_is_soft_and_as_wide_as_asked_for() -> None:
    widths = []
    for feather in (0.05, 0.1, 0.2):
        down = mouth_mask(feather, mouth_only=False)[:, SIDE // 2]
        assert (down[: SIDE // 2] == 0).all() and down.max() > 0.99
        edge = down[SIDE // 2 : 3 * SIDE // 4]
        assert (np.diff(edge) >= 0).all() and np.diff(edge).max() < 2 / (feather * SIDE)
        widths.append(int(((edge > 0.001) & (edge < 0.999)).sum()))
    assert widths == sorted(widths) and widths[0] >= 4 and widths[2] >= 18
