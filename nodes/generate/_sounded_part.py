"""Adds the sound to the parts of a silent video, so that each plays as soon as it is finished.

A part is for watching while the rest is made. The final file is not joined from parts: its sound is encoded in one go.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from nodes.generate._audio_blocks import AudioReader
from nodes.generate._mux import _decode_time, _opened
from nodes.generate._part_layout import PART_FORMAT

_FRAME = 1024  # samples of an AAC frame
_BEFORE = 2  # frames that the encoder hears before a part, so that the sound does not start anew at each
BEFORE_S = 1.0  # more than that at any usual rate


class SoundedParts:
    """Muxes successive parts of a video with the samples of the same time. Uses little memory.

    Args:
        audio: the whole audio; its first file that is opened must not start after ``start_s`` less ``BEFORE_S``.
        start_s: seconds of video in the parts that were made before.
    """

    def __init__(self, audio: AudioReader, start_s: Fraction) -> None:
        self._audio = audio
        self._shown = start_s

    def make(self, video: Path, target: Path) -> Fraction:
        """Write the video, without encoding it again, and its sound as a fragmented mp4. Returns its start in seconds.

        Blocks until the samples are there.
        """
        start_s = self._shown
        with _opened(video, "video") as source, av.open(str(target), "w", format="mp4", options=PART_FORMAT) as out:
            self._shown += _seconds(source)
            pictures = out.add_stream_from_template(source.streams.video[0])
            sound = out.add_stream("aac", rate=self._audio.rate_hz)
            sound.codec_context.layout = "mono"
            video_packets = _copied(source, pictures)
            audio_packets = self._encoded(sound, start_s, self._shown)
            for packet in heapq.merge(video_packets, audio_packets, key=_decode_time):
                out.mux(packet)
        return start_s

    def _encoded(self, sound: Any, start_s: Fraction, end_s: Fraction) -> Iterator[Any]:
        """The packets from the start on; the last one may reach beyond the end."""
        rate_hz = self._audio.rate_hz
        first, last = round(start_s * rate_hz), round(end_s * rate_hz)
        count = -(-(last - first) // _FRAME)
        at = first - _BEFORE * _FRAME
        self._audio.forget(at)
        self._audio.hear(first + (count + 2) * _FRAME)
        for number in range(-_BEFORE, count + 2):  # the encoder is two frames late
            frame = av.AudioFrame.from_ndarray(self._frame(at)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, number * _FRAME, Fraction(1, rate_hz)
            at += _FRAME
            yield from (packet for packet in sound.encode(frame) if 0 <= packet.pts < count * _FRAME)

    def _frame(self, at: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Samples from that number on, silent where there are none."""
        found = np.zeros(_FRAME, np.float32)
        known = self._audio.between(at, at + _FRAME)
        found[max(0, -at) :][: len(known)] = known
        return found


def _copied(source: Any, stream: Any) -> Iterator[Any]:
    for packet in source.demux(source.streams.video[0]):
        if packet.size:
            packet.stream = stream
            yield packet


def _seconds(source: Any) -> Fraction:
    """Length of the video track, from its packets."""
    video = source.streams.video[0]
    count = sum(packet.size > 0 for packet in source.demux(video))
    source.seek(0)
    return Fraction(count) / Fraction(video.average_rate or 25)
