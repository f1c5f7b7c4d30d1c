"""Finds the packets of a video in its file, and describes them for the WebCodecs decoder of a browser."""

from nodes._frame_index.errors import Damaged as Damaged
from nodes._frame_index.errors import NotIndexed as NotIndexed
from nodes._frame_index.index import CODECS as CODECS
from nodes._frame_index.index import frame_index as frame_index
