"""Inspects audio: decodes it to its end, measures it, and writes it as plain WAV.

Runs in the inspection process only.
"""

from __future__ import annotations

import itertools
import math
import struct
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from schemas.upload import UploadWarning
from workbench.client.inspection.containers import audio_stream, canonical, check_length, claimed_s, track_hints
from workbench.client.inspection.limits import KEPT_RATE_HZ, MAX_CHANNELS, SAMPLE_RATES_HZ
from workbench.client.inspection.upload_errors import hint, refused, unreadable

SILENT_DBFS = -50.0
QUIET_DBFS = -38.0  # RMS of the non-silent windows; well-recorded speech has -26 to -14
CLIPPED = 32_700  # of 32,767
CLIPPED_SHARE = 0.0005
VOICE_SAMPLE_S = 3.0
LONG_SILENCE_S = 3.0
_WINDOW_S = 0.05
_WAV_HEADER_BYTES = 65_536
_WAV_UNKNOWN_FROM = 0x7FFF_0000  # programs that write to a pipe claim 2 or 4 GB


def inspect_audio(container: Any, format_name: str, out: Path, allowed_s: float) -> dict[str, Any]:
    """The facts and warnings of an audio file. It is written to ``out`` as 16-bit WAV with one or two channels.

    Raises WorkbenchError: upload.refused, upload.too_large, upload.unreadable.
    """
    stream = audio_stream(container)
    if stream is None:
        what = "a video" if container.streams.video else "a file"
        raise refused(f"{what} without audio", "Choose a recording.")
    rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
    low, high = SAMPLE_RATES_HZ
    if not (rate and low <= rate <= high):
        raise refused(
            f"audio with a sample rate of {rate} Hz", "Convert it to 44,100 or 48,000 Hz.", f"{low:,} to {high:,}"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise refused(f"audio with {channels} channels", "Convert it to mono or stereo.", f"1 to {MAX_CHANNELS}")
    claimed = claimed_s(container, stream)
    if format_name == "wav":  # FFmpeg replaces the header's duration by one from the file size
        claimed = _claimed_by_wav(Path(container.name)) or claimed
    check_length(claimed, allowed_s)
    kept_rate, kept_channels = min(rate, KEPT_RATE_HZ), min(channels, 2)
    resampler = av.AudioResampler(format="s16", layout="mono" if kept_channels == 1 else "stereo", rate=kept_rate)
    measured = _AudioMeasurement(kept_rate, kept_channels)
    with wave.open(str(out), "wb") as file:
        file.setnchannels(kept_channels)
        file.setsampwidth(2)
        file.setframerate(kept_rate)
        for frame in itertools.chain(container.decode(stream), [None]):  # None: the rest in the resampler
            if frame is not None:
                frame.pts = None  # gaps and jumps in the timestamps would make the resampler insert or drop samples
            for part in resampler.resample(frame):
                samples = part.to_ndarray().reshape(-1)
                file.writeframesraw(samples.tobytes())
                measured.take(samples)
            check_length(measured.seconds, allowed_s)
    if not measured.samples:
        raise unreadable("the file contains no audio samples")
    # Encoders pad by a frame or two, and MP3 without an index only has an estimate.
    if claimed is not None and format_name != "mp3" and measured.seconds < 0.95 * claimed - 0.2:
        raise unreadable("the file is truncated", f"{measured.seconds:.2f} s of {claimed:.2f} s")
    hints = [*track_hints(container), *_hints(measured)]
    if measured.in_opposite_phase:
        _invert_right_channel(out)
        hints.append(_opposite_phase())
    return {
        "kind": "audio",
        "media_type": "audio/wav",
        "suffix": ".wav",
        "facts": {
            "format": {"mp4": "m4a", "matroska": "mka"}.get(format_name, format_name),
            "duration_s": round(measured.seconds, 6),
            "sample_rate_hz": kept_rate,
            "channels": kept_channels,
            "audio_codec": canonical(stream.codec_context.name),
            "loudness_dbfs": _decibels(measured.rms),
            "peak_dbfs": _decibels(measured.peak / 32768),
            "silent_share": round(measured.silent_share, 4),
        },
        "faces": [],
        "warnings": [hint.model_dump(mode="json") for hint in hints],
    }


def _claimed_by_wav(path: Path) -> float | None:
    """Duration in seconds from the header of a WAV file; None if its writer did not set it."""
    with path.open("rb") as file:
        head = file.read(_WAV_HEADER_BYTES)
    at, bytes_per_s = 12, 0
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"fmt " and at + 20 <= len(head):
            (bytes_per_s,) = struct.unpack_from("<I", head, at + 16)
        if name == b"data":
            known = bytes_per_s and 0 < size < _WAV_UNKNOWN_FROM
            return float(size / bytes_per_s) if known else None
        at += 8 + size + size % 2
    return None


@dataclass
class _AudioMeasurement:
    """Measures the samples while they are decoded."""

    rate: int
    channels: int
    samples: int = 0  # of all channels
    power: float = 0.0
    loud_power: float = 0.0
    loud_windows: int = 0
    windows: int = 0
    peak: int = 0
    clipped: int = 0
    silence: int = 0  # windows in a row
    longest_silence: int = 0
    across: float = 0.0  # left times right, summed
    _rest: Any = None

    @property
    def seconds(self) -> float:
        return self.samples / self.channels / self.rate

    @property
    def rms(self) -> float:
        return math.sqrt(self.power / self.samples) if self.samples else 0.0

    @property
    def loud_rms(self) -> float:
        return math.sqrt(self.loud_power / self.loud_windows) if self.loud_windows else 0.0

    @property
    def silent_share(self) -> float:
        return 1 - self.loud_windows / self.windows if self.windows else 1.0

    @property
    def longest_silence_s(self) -> float:
        return self.longest_silence * _WINDOW_S

    @property
    def in_opposite_phase(self) -> bool:
        """Whether the channels nearly cancel each other in a mono mix, which is what speech models hear."""
        return self.channels == 2 and self.across < -0.45 * self.power  # -0.5 if one is the other, inverted

    def take(self, samples: Any) -> None:
        """(n,) int16, interleaved."""
        self.samples += samples.size
        if self.channels == 2:
            left, right = samples[::2] / 32768, samples[1::2] / 32768
            self.across += float(np.dot(left, right))
        loud = np.abs(samples.astype(np.int32))
        self.peak = max(self.peak, int(loud.max(initial=0)))
        self.clipped += int((loud >= CLIPPED).sum())
        window = int(self.rate * _WINDOW_S) * self.channels
        joined = samples if self._rest is None else np.concatenate([self._rest, samples])
        whole = joined.size // window * window
        self._rest = joined[whole:]
        self.power += float(np.square(samples.astype(np.float64) / 32768).sum())
        for power in np.square(joined[:whole].astype(np.float64) / 32768).reshape(-1, window).mean(1):
            self.windows += 1
            if power < 10 ** (SILENT_DBFS / 10):
                self.silence += 1
                self.longest_silence = max(self.longest_silence, self.silence)
            else:
                self.silence = 0
                self.loud_windows += 1
                self.loud_power += float(power)


def _invert_right_channel(path: Path) -> None:
    """Make the channels of a 16-bit stereo WAV of ours agree, so that a mono mix keeps the voice."""
    with wave.open(str(path), "rb") as file:
        offset = path.stat().st_size - file.getnframes() * 4
    samples = np.memmap(path, dtype="<i2", mode="r+", offset=offset)
    samples[1::2] = -np.maximum(samples[1::2], -32767)
    samples.flush()


def _opposite_phase() -> UploadWarning:
    return UploadWarning(
        code="audio.phase",
        message="The stereo channels are in opposite phase and would cancel each other; one was inverted.",
        remedy="Check the wiring or the balanced input of the recorder.",
    )


def _decibels(value: float) -> float:
    return round(20 * math.log10(max(value, 1e-5)), 1)


def _hints(measured: _AudioMeasurement) -> list[UploadWarning]:
    hints = []
    if measured.seconds < VOICE_SAMPLE_S:
        found = f"The audio is {measured.seconds:.1f} s long; a voice sample needs {VOICE_SAMPLE_S:.0f} s."
        hints.append(hint("audio.short", found, "Record five to fifteen seconds of one person who speaks."))
    if measured.loud_windows == 0:
        remedy = "Check the microphone and record again."
        return [*hints, hint("audio.silent", "The audio is silent.", remedy, level="error")]
    if (loudness := _decibels(measured.loud_rms)) < QUIET_DBFS:
        found = f"The audio is very quiet ({loudness:.0f} dBFS)."
        hints.append(hint("audio.quiet", found, "Speak closer to the microphone, or raise its level."))
    if measured.clipped > CLIPPED_SHARE * measured.samples:
        found = "The audio is clipped: the recording level was too high."
        hints.append(hint("audio.clipped", found, "Lower the level of the microphone and record again."))
    if measured.longest_silence_s > LONG_SILENCE_S:
        found = f"There are {measured.longest_silence_s:.0f} s of continuous silence."
        hints.append(hint("audio.silence", found, "Remove the silence."))
    return hints
