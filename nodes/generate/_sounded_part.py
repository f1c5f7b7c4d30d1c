"""Adds the sound to the parts of a silent video, so that each plays as soon as it is finished.

A part is for watching while the rest is made. The final file is not joined from parts: its sound is encoded in one go.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from nodes.generate._audio_blocks import AudioSamples
from nodes.generate._mux import _decode_time, _opened
from nodes.generate._part_layout import PART_FORMAT

_FRAME = 1024  # samples of an AAC frame
_BEFORE = 2  # frames that the encoder hears before a part, so that the sound does not start anew at each


class SoundedParts:
    """Muxes successive parts of a video with the samples of the same time. Uses little memory.

    Args:
        blocks: successive samples of the whole audio.
    """

    def __init__(self, blocks: Iterable[AudioSamples]) -> None:
        self._blocks: Iterator[AudioSamples] = iter(blocks)
        first = next(self._blocks)
        self._rate_hz = first.rate_hz
        self._samples = first.samples
        self._start = 0  # number of the first sample that is kept
        self._shown = Fraction(0)  # seconds of video in the parts until now

    def skip(self, video: Path) -> None:
        """Pass over a part that was made before."""
        with _opened(video, "video") as source:
            self._shown += _seconds(source)

    def make(self, video: Path, target: Path) -> Fraction:
        """Write the video, without encoding it again, and its sound as a fragmented mp4. Returns its start in seconds.

        Blocks until the samples are there.
        """
        start_s = self._shown
        with _opened(video, "video") as source, av.open(str(target), "w", format="mp4", options=PART_FORMAT) as out:
            self._shown += _seconds(source)
            pictures = out.add_stream_from_template(source.streams.video[0])
            sound = out.add_stream("aac", rate=self._rate_hz)
            sound.codec_context.layout = "mono"
            video_packets = _copied(source, pictures)
            audio_packets = self._encoded(sound, start_s, self._shown)
            for packet in heapq.merge(video_packets, audio_packets, key=_decode_time):
                out.mux(packet)
        return start_s

    def _encoded(self, sound: Any, start_s: Fraction, end_s: Fraction) -> Iterator[Any]:
        """The packets from the start on; the last one may reach beyond the end."""
        first, last = round(start_s * self._rate_hz), round(end_s * self._rate_hz)
        count = -(-(last - first) // _FRAME)
        at = first - _BEFORE * _FRAME
        self._hear(first + (count + 2) * _FRAME)
        for number in range(-_BEFORE, count + 2):  # the encoder is two frames late
            frame = av.AudioFrame.from_ndarray(self._between(at, at + _FRAME)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, number * _FRAME, Fraction(1, self._rate_hz)
            at += _FRAME
            yield from (packet for packet in sound.encode(frame) if 0 <= packet.pts < count * _FRAME)
        self._forget(last - _BEFORE * _FRAME)

    def _hear(self, wanted: int) -> None:
        new = [self._samples]
        end = self._start + len(self._samples)
        while end < wanted and (block := next(self._blocks, None)) is not None:
            new.append(block.samples)
            end += len(block.samples)
        self._samples = np.concatenate(new)

    def _between(self, left: int, right: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Samples by their numbers, silent where there are none."""
        found = np.zeros(right - left, np.float32)
        known = self._samples[max(0, left - self._start) : max(0, right - self._start)]
        from_left = max(0, self._start - left)
        found[from_left : from_left + len(known)] = known
        return found

    def _forget(self, before: int) -> None:
        if before > self._start:
            self._samples = self._samples[before - self._start :].copy()
            self._start = before


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
