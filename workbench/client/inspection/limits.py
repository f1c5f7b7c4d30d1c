"""All limits in one place: accepted sizes and durations, and the resources of the inspection process."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.settings import Settings

MB = 1_000_000

MAX_PIXELS = 40_000_000
MAX_SIDE_PX = 16_384
MAX_CHANNELS = 8
SAMPLE_RATES_HZ = (8_000, 192_000)
KEPT_RATE_HZ = 48_000  # audio with a higher rate is resampled to it
MAX_FPS = 240.0
MAX_STREAMS = 8

CHILD_MEMORY_BYTES = 1_536 * 1024 * 1024
CHILD_OVER_MEMORY = 90  # its exit status after exceeding the memory limit
CHILD_OPEN_FILES = 64
LOOK_S = 15.0  # of wall time and of CPU, for a small file
LOOK_BYTES_PER_S = 20 * MB  # a large file gets one more second for this many bytes
ARCHIVE_S = 240.0  # for a zip of portraits: about 0.2 s for each image

MAX_ARCHIVE_IMAGES = 500
MAX_ARCHIVE_ENTRIES = 2_000
MAX_CAPTION_BYTES = 4_096

MAX_LORA_HEADER_BYTES = 10 * MB
MAX_LORA_TENSORS = 20_000
MAX_LORA_RANK = 4_096
MAX_LORA_METADATA_BYTES = 2 * MB


@dataclass(frozen=True)
class Limits:
    """The limits that a deployment sets."""

    image_bytes: int = 20 * MB
    audio_bytes: int = 50 * MB
    video_bytes: int = 500 * MB
    archive_bytes: int = 500 * MB
    lora_bytes: int = 500 * MB
    duration_s: float = 600.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits in the settings ``upload_*``."""
        return cls(
            image_bytes=int(settings.upload_image_mb * MB),
            audio_bytes=int(settings.upload_audio_mb * MB),
            video_bytes=int(settings.upload_video_mb * MB),
            archive_bytes=int(settings.upload_archive_mb * MB),
            lora_bytes=int(settings.upload_lora_mb * MB),
            duration_s=settings.upload_minutes * 60,
        )

    def bytes_of(self, kind: str) -> int:
        """The maximum file size of that kind, or of any kind for ``auto``."""
        sizes = {
            "image": self.image_bytes,
            "audio": self.audio_bytes,
            "video": self.video_bytes,
            "portraits": self.archive_bytes,
            "lora": self.lora_bytes,
        }
        return sizes.get(kind) or max(sizes.values())
