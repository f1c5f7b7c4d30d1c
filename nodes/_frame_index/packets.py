"""Where the packets of a video are in its file. A packet counts as found only if the file has its very bytes there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from nodes._frame_index.errors import Damaged, NotIndexed

MOST_PACKETS = 1_000_000  # an hour at 240 frames per second has 864,000
HIDDEN = -1  # the time of a frame that is decoded and not shown
_NEAR_BYTES = 4096  # from the position that FFmpeg tells, which is that of a Matroska block, to the data


@dataclass
class Packets:
    """Columns in decoding order. Times are as the file has them; ``None`` for a frame that is not shown."""

    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    key: list[int] = field(default_factory=list)


def find_packets(packets: Iterator[Any], file: BinaryIO, codec: str) -> Packets:
    """The packets of one track, each checked against the file. Raises Damaged, NotIndexed."""
    found, end = Packets(), 0
    configuration: bytes | None = None
    for packet in packets:
        if packet.size == 0:  # the end of the stream
            continue
        count = len(found.offsets)
        if count >= MOST_PACKETS:
            raise NotIndexed(f"a video of more than {MOST_PACKETS:,} frames", "Cut it into shorter videos.")
        if packet.is_corrupt:
            raise Damaged(f"the file ends in frame {count}")
        if packet.has_sidedata("new_extradata"):
            new = bytes(packet.get_sidedata("new_extradata"))
            if configuration is not None and new != configuration:
                raise NotIndexed("a video whose codec configuration changes", "Convert it to MP4 with H.264.")
            configuration = new
        data = bytes(packet)
        at = _place(file, data, packet.pos, end)
        if at is None:
            raise NotIndexed(
                "a file that stores its frames compressed or in another form than decoders take",
                "Convert it to MP4 with H.264.",
            )
        end = at + len(data)
        if packet.is_keyframe:
            found.key.append(count)
        found.offsets.append(at)
        found.sizes.append(len(data))
        found.durations.append(packet.duration or 0)
        moment = packet.pts if packet.pts is not None else packet.dts
        hidden = packet.is_discard or (codec == "vp8" and not data[0] & 0x10)
        if moment is None and not hidden:
            raise NotIndexed("a video whose frames have no time", "Convert it to MP4 with H.264.")
        found.times.append(None if hidden else moment)
    return found


def _place(file: BinaryIO, data: bytes, told: int | None, end: int) -> int | None:
    """The offset of the data in the file: near the position that the demuxer tells, else after the last packet."""
    for start in ([told] if told is not None and told >= 0 else []) + [end]:
        file.seek(start)
        near = file.read(len(data) + _NEAR_BYTES)
        at = near.find(data)
        if at >= 0:
            return start + at
    return None


def check_complete(container: Any, stream: Any, file: BinaryIO) -> None:
    """Raises Damaged if the file's own tables name bytes behind its end."""
    size = file.seek(0, 2)
    last = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    if "matroska" in container.format.name:
        last = max(last, _matroska_end(file))
    if last > size:
        raise Damaged(f"the file is cut off: it has {size:,} bytes of {last:,}")


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment of a Matroska or WebM file ends; 0 if it does not say, as in a recording."""
    file.seek(0)
    head = file.read(256)
    at, length = 4, _number(head, 4)
    if length is None:
        return 0
    at += length[1] + length[0]
    segment = _number(head, at + 4)
    if head[at : at + 4] != b"\x18\x53\x80\x67" or segment is None:
        return 0
    return at + 4 + segment[1] + segment[0]


def _number(data: bytes, at: int) -> tuple[int, int] | None:
    """An EBML size and its own length in bytes; None if it is unknown."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length]) & ((1 << (7 * length)) - 1)
    return None if value == (1 << (7 * length)) - 1 else (value, length)
