"""The format of a finished part of a video: fragmented mp4, which a page can play while later parts are made."""

from __future__ import annotations

PART_FORMAT = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "fflags": "+bitexact"}
