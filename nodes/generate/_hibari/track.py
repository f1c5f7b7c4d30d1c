"""Writes the audio track sentence by sentence to a wav file, and records the times of phonemes and words."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from nodes._speech import Phoneme, Word
from nodes.generate._hibari.timing import PAUSE, Span
from nodes.generate._hibari.voice import SAMPLE_RATE_HZ, UNIT
from nodes.generate._hibari.words import timed_words

_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000


@dataclass
class Spoken:
    """One sentence: 16-bit mono samples, and spans in units of 25 ms."""

    pcm: bytes
    spans: list[Span]


@dataclass
class Piece:
    """What was added to a track since its last piece: a wav file, and phonemes and words with times in the track."""

    wav: bytes
    phonemes: list[Phoneme]
    words: list[Word]


class Track:
    """Writes 24 kHz mono 16-bit samples. All lengths are whole milliseconds, so all times are exact."""

    def __init__(self, path: Path) -> None:
        self.phonemes: list[Phoneme] = []
        self.words: list[Word] = []
        self._samples = 0
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by __exit__
        self._file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
        self._new: list[bytes] = []  # samples of the next piece
        self._cut = (0, 0)  # numbers of phonemes and words in the pieces before it

    def __enter__(self) -> Track:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def duration_s(self) -> float:
        return _seconds(self._samples)

    def resume(self, wav: Path, phonemes: list[Phoneme], words: list[Word]) -> None:
        """Append a piece that an earlier attempt made."""
        with wave.open(str(wav), "rb") as file:
            self._write(file.readframes(file.getnframes()))
        self.phonemes += phonemes
        self.words += words
        self._begin_piece()

    def silence(self, seconds: float) -> None:
        samples = round(seconds * 1000) * _SAMPLES_PER_MS
        self._write(bytes(2 * samples))

    def add(self, spoken: Spoken, sentence: str) -> tuple[float, float]:
        """Append a sentence. Returns its start and end in seconds, without the pauses at its edges.

        Args:
            sentence: what is said, in words.
        """
        base = self._samples
        phones = [span for span in spoken.spans if span.symbol != PAUSE]
        for span in phones:
            self._phoneme(span.symbol, base + span.start * UNIT, base + span.end * UNIT)
        for word, first, last in timed_words(sentence, spoken.spans):
            self.words.append(
                Word(text=word, start_s=_seconds(base + first * UNIT), end_s=_seconds(base + last * UNIT))
            )
        self._write(spoken.pcm)
        return _seconds(base + phones[0].start * UNIT), _seconds(base + phones[-1].end * UNIT)

    def finish(self) -> None:
        """Extend the phonemes to the end of the track."""
        self._pause_until(self._samples)

    def piece(self) -> Piece:
        """What was added since the last piece."""
        target = io.BytesIO()
        with wave.open(target, "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
            file.writeframes(b"".join(self._new))
        phonemes, words = self._cut
        made = Piece(target.getvalue(), self.phonemes[phonemes:], self.words[words:])
        self._begin_piece()
        return made

    def _begin_piece(self) -> None:
        self._new, self._cut = [], (len(self.phonemes), len(self.words))

    def _phoneme(self, symbol: str, start: int, end: int) -> None:
        self._pause_until(start)
        self.phonemes.append(Phoneme(symbol=symbol, start_s=_seconds(start), end_s=_seconds(end)))

    def _pause_until(self, sample: int) -> None:
        start_s = self.phonemes[-1].end_s if self.phonemes else 0.0
        if _seconds(sample) > start_s:
            self.phonemes.append(Phoneme(symbol=PAUSE, start_s=start_s, end_s=_seconds(sample)))

    def _write(self, pcm: bytes) -> None:
        self._file.writeframesraw(pcm)
        self._samples += len(pcm) // 2
        self._new.append(pcm)


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE_HZ, 3)
