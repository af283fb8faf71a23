"""JPEGs one behind another in a stream of bytes: where each begins and ends, by its own markers (ITU-T T.81, annex B).

What stands between them, such as the boundaries and heads of a multipart stream, is handed on as text. Neither a boundary nor
a Content-Length is relied on: cameras leave them out, and get them wrong.
"""

from dataclasses import dataclass

BEGIN = b"\xff\xd8\xff"
SOS, EOI, SOI = 0xDA, 0xD9, 0xD8
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}  # TEM, RSTn
BUFFER_MAX = 1 << 22  # of a JPEG that does not end
WHOLE, BEGUN, CUT = "whole", "begun", "cut"


@dataclass(frozen=True, slots=True)
class Jpeg:
    """One picture as it came, and what stood before it."""

    data: bytes
    head: bytes


class JpegSplitter:
    """Takes bytes in and gives whole JPEGs out. cut: how many began and did not end."""

    def __init__(self) -> None:
        self.cut = 0
        self._buffer = b""

    def take(self, data: bytes) -> list[Jpeg]:
        """The JPEGs that are whole now, oldest first."""
        self._buffer += data
        found: list[Jpeg] = []
        place = 0
        while (start := self._buffer.find(BEGIN, place)) >= 0:
            state, end = jpeg_end(self._buffer, start)
            if state == BEGUN:
                break
            if state == WHOLE:
                found.append(Jpeg(self._buffer[start:end], self._buffer[place:start]))
            else:
                self.cut += 1
            place = end
        self._buffer = self._buffer[place:]
        if len(self._buffer) > BUFFER_MAX:
            self.cut += 1
            self._buffer = b""
        elif start < 0:
            self._buffer = self._buffer[-1024:]  # the head of the next one, and what may be half of its first marker
        return found


def jpeg_end(stream: bytes, start: int) -> tuple[str, int]:
    """Where the JPEG that begins at `start` ends: (WHOLE, the byte after it), (BEGUN, 0) if more is needed, or (CUT, where to
    look for the next one)."""
    place = start + 2
    while place + 4 <= len(stream):
        if stream[place] != 0xFF:
            return CUT, place
        marker = stream[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in WITHOUT_LENGTH:
            place += 2
        elif marker == EOI:
            return WHOLE, place + 2
        elif marker in (SOI, 0):
            return CUT, place
        else:
            length = int.from_bytes(stream[place + 2 : place + 4], "big")
            place += 2 + max(2, length)
            if marker == SOS:
                place = after_entropy(stream, place)
                if place < 0:
                    return BEGUN, 0
    if stream[place : place + 2] == b"\xff\xd9":
        return WHOLE, place + 2
    return BEGUN, 0


def after_entropy(stream: bytes, place: int) -> int:
    """The next marker that is no part of compressed data; -1 if none has come yet."""
    while (place := stream.find(b"\xff", place)) >= 0 and place + 1 < len(stream):
        if stream[place + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8)):
            return place
        place += 1 if stream[place + 1] == 0xFF else 2
    return -1
