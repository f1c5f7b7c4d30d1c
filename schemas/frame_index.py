"""The frame index of a video: what a browser needs to decode any of its frames without a demuxer."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract


class FrameIndex(Contract):
    """Packets of one video track in decoding order, and how to configure a decoder for them.

    Column lists have one entry for each packet. Times are in ``time_base`` units; the first frame shown has time 0. To
    decode the frame of packet ``p``, start at the last key packet ``k`` at or before it whose time is not later than
    that of ``p``, which need not be the nearest one, and give the decoder all packets up to ``p``.
    """

    sha256: str = Field(description="Of the file that the offsets count in.")
    codec: str = Field(description="As WebCodecs names it, such as avc1.64001f.")
    description: str = Field(
        "", description="Codec configuration record (avcC, hvcC), base64; empty where decoders need none."
    )
    annex_b: bool = Field(False, description="Whether packets have start codes instead of lengths.")
    width: int = Field(description="Pixels, before rotation.")
    height: int = Field(description="Pixels, before rotation.")
    rotation: int = Field(0, description="Degrees clockwise: 0, 90, 180 or 270.")
    pixel_aspect: float = Field(1.0, description="Width of a pixel divided by its height.")
    bits: int = Field(8, description="Per sample.")
    fps: float = Field(description="Mean frames per second.")
    variable: bool = Field(False, description="Whether the time between frames varies.")
    time_base: tuple[int, int] = Field(description="Seconds per unit, as numerator and denominator.")
    start_s: float = Field(0.0, description="When the first frame is shown in the file; audio may begin earlier.")
    duration_s: float = Field(description="From the first frame until the last one ends.")
    offsets: list[int] = Field(description="First byte of each packet in the file.")
    sizes: list[int] = Field(description="Bytes.")
    times: list[int] = Field(description="When the frame is shown; -1 if it is decoded and never shown.")
    key: list[int] = Field(description="Positions of the packets that a decoder can start with.")
    audio: bool = Field(False, description="Whether the file has an audio track.")
