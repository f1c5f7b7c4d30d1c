"""What the network hears for each frame: a window of the speech's mel spectrogram, while the speech is still coming."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from nodes.generate._audio_blocks import AudioReader
from nodes.generate._wav2lip.mel import HOP, RATE_HZ, WINDOW, mel_steps

STEPS = 16  # of a window: 0.2 s
_STEPS_PER_S = RATE_HZ // HOP
_BLOCK_S = 0.25  # of sound that is resampled at once; frames wait for the end of their block


class Hearing:
    """The windows of successive frames, the same wherever the speech is cut into files. Uses little memory.

    Frame ``i`` hears the 16 steps from ``floor(i / fps * 80) + lead`` on. Step ``s`` is the sound around ``s / 80``
    seconds. Beyond its ends, the sound is silent.

    Args:
        audio: reads the speech from its start.
        lead_ms: how much the mouth moves ahead of the sound; rounded to steps of 12.5 ms.
    """

    def __init__(self, audio: AudioReader, fps: Fraction, lead_ms: float = 0.0) -> None:
        self._audio, self._fps = audio, fps
        self._lead = round(lead_ms / 1000 * _STEPS_PER_S)
        self._blocks = _at_16_khz(audio)
        self._start, self._samples = 0, np.empty(0, np.float32)  # the samples from that number on

    def frames(self, wanted: int) -> int:
        """The number of frames that start before the speech ends, at most ``wanted``. Reads only what tells it."""
        if wanted > 0:
            self._audio.hear(math.floor((wanted - 1) / self._fps * self._audio.rate_hz) + 1)
        return min(wanted, self.known_frames())

    def known_frames(self) -> int:
        """The number of frames that start before the end of what was read so far."""
        return math.ceil(self._audio.end * self._fps / self._audio.rate_hz)

    def windows(self, first: int, count: int) -> NDArray[Any]:
        """(count, 80, 16) float32, -4 to 4: what the frames from ``first`` on hear. Call it for increasing frames."""
        starts = [self._first_step(frame) for frame in range(first, first + count)]
        left, end = starts[0], starts[-1] + STEPS
        sound = self._between(left * HOP - WINDOW // 2 - 1, (end - 1) * HOP + WINDOW // 2)
        mel = mel_steps(sound, end - left)
        return np.stack([mel[:, start - left : start - left + STEPS] for start in starts])

    def _first_step(self, frame: int) -> int:
        return math.floor(frame / self._fps * _STEPS_PER_S) + self._lead

    def _between(self, left: int, right: int) -> NDArray[Any]:
        """The samples at 16 kHz with these numbers, silent beyond the ends; those before are forgotten."""
        while (end := self._start + len(self._samples)) < right and (block := next(self._blocks, None)) is not None:
            kept = self._samples[max(0, left - self._start) :]
            self._start, self._samples = end - len(kept), np.concatenate([kept, block])
        found = np.zeros(right - left, np.float32)
        known = self._samples[max(0, left - self._start) : max(0, right - self._start)]
        found[max(0, self._start - left) :][: len(known)] = known
        return found


def _at_16_khz(audio: AudioReader) -> Iterator[NDArray[Any]]:
    """The samples at 16 kHz. They are converted in blocks of the same length, so that the files' cuts change no bit."""
    rate_hz, length = audio.rate_hz, round(audio.rate_hz * _BLOCK_S)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
    start = 0
    while True:
        audio.hear(start + length)
        block = audio.between(start, start + length)
        if not len(block):
            break
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        start += len(block)
        audio.forget(start)
        yield from (out.to_ndarray()[0] for out in resampler.resample(frame))
    yield from (out.to_ndarray()[0] for out in resampler.resample(None))
