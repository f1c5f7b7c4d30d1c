"""Names of codecs as WebCodecs takes them, from the configuration that a file carries.

Sources: RFC 6381 and ISO/IEC 14496-15 annex E (avc1, hvc1), the "VP Codec ISO Media File Format Binding" (vp09) and the
"AV1 Codec ISO Media File Format Binding" (av01).
"""

from __future__ import annotations

# The lowest level whose luma samples per second and per frame are enough.
_VP9_LEVELS = (
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
    (52, 1_176_502_272, 8_912_896),
    (60, 1_176_502_272, 35_651_584),
    (61, 2_353_004_544, 35_651_584),
)


def avc(extradata: bytes) -> str | None:
    """``avc1.PPCCLL`` from an avcC record or from an SPS with a start code; None if there is neither."""
    if extradata[:1] == b"\x01":
        found = extradata[1:4]
    else:
        at = next((extradata.find(b"\x00\x00\x01" + head) for head in (b"\x67", b"\x27", b"\x47")), -1)
        found = extradata[at + 4 : at + 7] if at >= 0 else b""
    return f"avc1.{found.hex()}" if len(found) == 3 else None


def hevc(extradata: bytes, tag: str) -> str | None:
    """``hvc1.…`` or ``hev1.…`` from an hvcC record; None if there is none."""
    if len(extradata) < 13 or extradata[0] != 1:
        return None
    first = extradata[1]
    space, tier, profile = ("", "A", "B", "C")[first >> 6], "H" if first & 0x20 else "L", first & 0x1F
    compatible = int(f"{int.from_bytes(extradata[2:6]):032b}"[::-1], 2)  # its bits are written in reverse order
    constraints = extradata[6:12].rstrip(b"\x00")
    name = f"{'hev1' if tag == 'hev1' else 'hvc1'}.{space}{profile}.{compatible:X}.{tier}{extradata[12]}"
    return ".".join([name, *(f"{byte:X}" for byte in constraints)])


def vp9(profile: int, bits: int, luma_samples: int, fps: float) -> str:
    """``vp09.PP.LL.DD``. Files need not carry the level, so it is the lowest one that fits."""
    fits = (level for level, rate, size in _VP9_LEVELS if luma_samples <= size and luma_samples * fps <= rate)
    return f"vp09.{profile:02d}.{next(fits, 62)}.{bits:02d}"


def av1(extradata: bytes, bits: int) -> str:
    """``av01.P.LLT.DD`` from an av1C record; of main profile and level 5.1 if there is none."""
    if len(extradata) < 4 or extradata[0] != 0x81:
        return f"av01.0.13M.{bits:02d}"
    profile, level, tier = extradata[1] >> 5, extradata[1] & 0x1F, "H" if extradata[2] & 0x80 else "M"
    return f"av01.{profile}.{level:02d}{tier}.{bits:02d}"
