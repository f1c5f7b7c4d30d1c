"""How much the device gets at once: half as many frames when its memory runs out, then tiles, then single frames."""

from __future__ import annotations

from dataclasses import dataclass

_TILE = 256


@dataclass(frozen=True)
class Load:
    """Frames that the networks take at once, and the side of a tile in pixels (0: whole frames)."""

    frames: int
    tile: int

    def __str__(self) -> str:
        return f"{self.frames} frames at once, " + (f"tiles of {self.tile} px" if self.tile else "whole frames")

    def and_smaller(self) -> tuple[Load, ...]:
        """This load, and what is tried after it, in this order."""
        half = (self.frames + 1) // 2
        tile = min(self.tile, _TILE) if self.tile else _TILE
        return self, Load(half, self.tile), Load(half, tile), Load(1, tile)
