"""Detects the format of a file from its first bytes. Names and Content-Types are untrusted and are not used."""

from __future__ import annotations

import re

from nodes.media import file_type
from schemas.errors import WorkbenchError
from schemas.refs import SAFETENSORS, ZIP
from workbench.client.inspection.upload_errors import refused, unreadable

HEAD_BYTES = 4096

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
)

# Refused formats by name, so that the message says what the file is.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x07\x08", "a part of a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xfe\xed\xfa", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\x00asm", "a program"),
    (b"#!", "a script"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "a PostScript file"),
    (b"FLV\x01", "a Flash video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file"),
    (b"MThd", "a MIDI file"),
)
_TEXTS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"#extm3u", re.I), "a playlist"),
    (re.compile(rb"\[playlist\]", re.I), "a playlist"),
    (re.compile(rb"ffconcat version", re.I), "a list of files to join"),
    (re.compile(rb"(file|stream)\s+'?[\w./:]", re.I), "a list of files to join"),
    (re.compile(rb"v=0\r?\n"), "a stream description (SDP)"),
    (re.compile(rb"<asx|<smil", re.I), "a playlist"),
    (re.compile(rb"(<\?xml[^>]*>\s*)?(<!doctype\s+svg[^>]*>\s*)?<svg", re.I), "an SVG drawing"),
    (re.compile(rb"<(!doctype\s+html|html|head|body|script|iframe|meta)\b", re.I), "a web page"),
    (re.compile(rb"<\?xml|<!doctype", re.I), "an XML document"),
)
_GIF_REMEDY = "Save one of its frames as PNG or JPEG."
_AVIF = {b"avif", b"avis"}
_HEIF = {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}
_MP4 = set(b"isom iso2 iso4 iso5 iso6 iso8 iso9 mp41 mp42 avc1 dash M4VP MSNV".split())
_MP4_BY_APPLE = {b"M4A ", b"M4B ", b"M4V "}
_FILES = {ZIP: "zip", SAFETENSORS: "safetensors"}
_IMAGES = ("png", "jpeg", "webp", "tiff", "bmp", "avif")
FILE_FAMILIES = {"zip": "portraits", "safetensors": "lora"}
_SOUNDS = ("wav", "aiff", "flac", "mp3", "aac")


def format_of(head: bytes) -> str:
    """The format, by its name in FFmpeg or Pillow; ``mp4`` and ``matroska`` may turn out to hold audio only.

    Args:
        head: the first ``HEAD_BYTES``, or all bytes of a shorter file.

    Raises WorkbenchError: upload.refused with the name of the format, upload.unreadable for an empty file.
    """
    if not head:
        raise unreadable("the file is empty", "0 bytes")
    found = next((name for start, name in _STARTS if head.startswith(start)), "") or _container_or_stream(head)
    found = found or _FILES.get(file_type(head), "")
    if found:
        return found
    raise _not_accepted(head)


def family_of(format_name: str) -> str:
    """``image``, ``audio``, ``portraits`` or ``lora``; ``media`` if the container may hold audio or video."""
    if format_name in FILE_FAMILIES:
        return FILE_FAMILIES[format_name]
    if format_name in _IMAGES:
        return "image"
    return "audio" if format_name in _SOUNDS else "media"


def _container_or_stream(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head.startswith(b"BM") and head[6:10] == b"\x00\x00\x00\x00":  # two reserved words follow the size
        return "bmp"
    if head[4:8] == b"ftyp" and _brands(head) & _AVIF:
        return "avif"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head[:128] else "matroska"
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in (b"moov", b"wide", b"mdat"):  # QuickTime before it had brands
        return "mov"
    if head.startswith(b"ID3"):
        return "mp3"
    if head[:1] == b"\xff" and len(head) > 3:
        second = head[1]
        if second & 0xF6 == 0xF0:  # ADTS: twelve ones, layer 0
            return "aac"
        # MPEG audio: eleven ones, a version and layer that exist, a bit rate and sample rate that exist
        if second & 0xE0 == 0xE0 and second & 0x18 != 0x08 and second & 0x06 and head[2] & 0xF0 != 0xF0:
            return "mp3" if head[2] & 0x0C != 0x0C else ""
    return ""


def _brands(head: bytes) -> set[bytes]:
    """The brands of an ISO media file: the major one and the compatible ones, four bytes each."""
    end = min(int.from_bytes(head[:4]), len(head), 256)
    return {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}


def _iso_media(head: bytes) -> str:
    major = head[8:12]
    if major in _HEIF:
        raise refused("a HEIF image", "Save it as JPEG; phones have a setting for that.")
    if major == b"qt  ":
        return "mov"
    if major in _MP4_BY_APPLE or major.strip() in _MP4:
        return "mp4"
    raise refused(f"an ISO media file with the brand {major.decode('latin-1')!r}", "Convert it to MP4.")


def _not_accepted(head: bytes) -> WorkbenchError:
    for start, what in _OTHERS:
        if head.startswith(start):
            return refused(what, _GIF_REMEDY if "GIF" in what else "")
    if b"%PDF-" in head[:1024]:
        return refused("a PDF document")
    if head[257:262] == b"ustar":
        return refused("a tar archive")
    if head[:4] == b"RIFF":
        return refused("an AVI video" if head[8:12] == b"AVI " else "a RIFF file of another kind")
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return refused("an MPEG transport stream", "Convert it to MP4.")
    text = _first_text(head)
    for pattern, what in _TEXTS:
        if pattern.match(text):
            return refused(what)
    return refused("a file of an unknown type")


def _first_text(head: bytes) -> bytes:
    """The text from its first word on, without byte order mark, whitespace and comments.

    UTF-16 loses its zero bytes.
    """
    text = head[2:].replace(b"\x00", b"") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head
    text = text.lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    while text.startswith(b"<!--"):  # not in the patterns: nested repeats take exponential time on hostile text
        text = text.partition(b"-->")[2].lstrip()
    return text
