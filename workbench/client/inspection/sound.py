"""Sound: decoded to its end, measured, and kept as plain WAV. Runs in the child only."""

from __future__ import annotations

import math
import struct
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from schemas.upload import UploadWarning
from workbench.client.inspection.containers import canonical, check_length, claimed_s, the_audio
from workbench.client.inspection.limits import KEPT_RATE_HZ, MAX_CHANNELS, SAMPLE_RATES_HZ
from workbench.client.inspection.refusals import refused, unreadable

SILENT_DBFS = -50.0
QUIET_DBFS = -38.0  # RMS of what is not silent; speech that was recorded well has -26 to -14
CLIPPED = 32_700  # of 32,767
CLIPPED_SHARE = 0.0005
VOICE_SAMPLE_S = 3.0
LONG_SILENCE_S = 3.0
_WINDOW_S = 0.05
_WAV_HEADER_BYTES = 65_536
_WAV_UNKNOWN_FROM = 0x7FFF_0000  # programs that write to a pipe claim two or four gigabytes


def inspect_sound(container: Any, format_name: str, out: Path, allowed_s: float) -> dict[str, Any]:
    """Facts and warnings of a sound; what was decoded is written to ``out`` as 16-bit WAV with one or two channels.

    Raises WorkbenchError: upload.refused, upload.too_large, upload.unreadable.
    """
    stream = the_audio(container)
    if stream is None:
        raise unreadable("there is neither sound nor picture in the file")
    rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
    low, high = SAMPLE_RATES_HZ
    if not (rate and low <= rate <= high):
        raise refused(f"sound of {rate} samples a second", "Convert it to 44,100 or 48,000.", f"{low:,} to {high:,}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise refused(f"sound with {channels} channels", "Convert it to mono or stereo.", f"1 to {MAX_CHANNELS}")
    claimed = claimed_s(container, stream)
    if format_name == "wav":  # FFmpeg corrects what the header claims by the size of the file
        claimed = _claimed_by_wav(Path(container.name)) or claimed
    check_length(claimed, allowed_s)
    kept_rate, kept_channels = min(rate, KEPT_RATE_HZ), min(channels, 2)
    resampler = av.AudioResampler(format="s16", layout="mono" if kept_channels == 1 else "stereo", rate=kept_rate)
    heard = _Heard(kept_rate, kept_channels)
    with wave.open(str(out), "wb") as file:
        file.setnchannels(kept_channels)
        file.setsampwidth(2)
        file.setframerate(kept_rate)
        for frame in container.decode(stream):
            frame.pts = None  # holes and jumps in the time stamps would make the resampler fill or drop
            for part in resampler.resample(frame):
                samples = part.to_ndarray().reshape(-1)
                file.writeframesraw(samples.tobytes())
                heard.take(samples)
            check_length(heard.seconds, allowed_s)
        for part in resampler.resample(None):
            samples = part.to_ndarray().reshape(-1)
            file.writeframesraw(samples.tobytes())
            heard.take(samples)
    if not heard.samples:
        raise unreadable("no sound could be decoded")
    # Coders pad by a frame or two; mp3 without an index only estimates.
    if claimed is not None and format_name != "mp3" and heard.seconds < 0.95 * claimed - 0.2:
        raise unreadable("the file is cut short", f"{heard.seconds:.2f} s of {claimed:.2f} s")
    return {
        "kind": "audio",
        "media_type": "audio/wav",
        "suffix": ".wav",
        "facts": {
            "format": "m4a" if format_name == "mp4" else format_name,
            "duration_s": round(heard.seconds, 6),
            "sample_rate_hz": kept_rate,
            "channels": kept_channels,
            "audio_codec": canonical(stream.codec_context.name),
            "loudness_dbfs": _decibels(heard.rms),
            "peak_dbfs": _decibels(heard.peak / 32768),
            "silent_share": round(heard.silent_share, 4),
        },
        "faces": [],
        "warnings": [hint.model_dump(mode="json") for hint in _hints(heard)],
    }


def _claimed_by_wav(path: Path) -> float | None:
    """Seconds by the header of a WAV; None where its writer did not know."""
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
class _Heard:
    """What is measured while the samples go by."""

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

    def take(self, samples: Any) -> None:
        """(n,) int16, interleaved."""
        self.samples += samples.size
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


def _decibels(value: float) -> float:
    return round(20 * math.log10(max(value, 1e-5)), 1)


def _hints(heard: _Heard) -> list[UploadWarning]:
    hints = []
    if heard.seconds < VOICE_SAMPLE_S:
        hints.append(
            UploadWarning(
                code="audio.short",
                message=f"The sound is {heard.seconds:.1f} s long; a voice sample needs {VOICE_SAMPLE_S:.0f} s.",
                remedy="Record five to fifteen seconds of one person who speaks.",
            )
        )
    if heard.loud_windows == 0:
        hints.append(
            UploadWarning(
                code="audio.silent",
                level="error",
                message="There is nothing to hear.",
                remedy="Check the microphone and record again.",
            )
        )
        return hints
    if _decibels(heard.loud_rms) < QUIET_DBFS:
        hints.append(
            UploadWarning(
                code="audio.quiet",
                message=f"The sound is very quiet ({_decibels(heard.loud_rms):.0f} dBFS).",
                remedy="Speak closer to the microphone, or raise its level.",
            )
        )
    if heard.clipped > CLIPPED_SHARE * heard.samples:
        hints.append(
            UploadWarning(
                code="audio.clipped",
                message="The sound is clipped: it was recorded too loud.",
                remedy="Lower the level of the microphone and record again.",
            )
        )
    if heard.longest_silence_s > LONG_SILENCE_S:
        hints.append(
            UploadWarning(
                code="audio.silence",
                message=f"There are {heard.longest_silence_s:.0f} s of silence in one place.",
                remedy="Cut the silence out.",
            )
        )
    return hints
