"""Codes to scan, as one path. Pure but for segno, which draws them."""

from dataclasses import dataclass

import segno


@dataclass(frozen=True)
class Code:
    """A QR code as one SVG path in a square of `size` units, with its quiet margin."""

    size: int
    path: str


def code_for(address: str) -> Code:
    """The QR code of an address. It survives a crease or a stain (level M)."""
    border = 2
    rows = [list(row) for row in segno.make(address, error="m", micro=False).matrix]
    parts = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            run = x
            while run < len(row) and row[run]:
                run += 1
            parts.append(f"M{x + border} {y + border}h{run - x}v1h-{run - x}z")
            x = run
    return Code(len(rows) + 2 * border, "".join(parts))
