r"""SCIP 2, the language of Hokuyo's lidars, as in "Communication Protocol Specification for SCIP 2.0 Standard" (C-42-03320B).

A request is a line; its answer repeats that line, then a line with a status, then whatever is asked for; an empty line
ends it. Every line behind the first ends with a character that is the sum of the others:

    MD0000108001000\n  99b\n  m2@0?\n  (64 characters and their sum)\n ... \n

Numbers are written in 6 bits a character, the highest first, on top of 0x30: distances in three characters, mm, the time
stamp in four, ms.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.told_text import told_text

END = b"\n\n"
STAMP_MS = 1 << 24  # where the time stamp begins again
DONE, RUNNING = "00", "99"  # statuses: of an answer, and of each scan that follows MD's
MEASURED_STEPS_MAX = 4096


def checksum(line: bytes) -> int:
    """The character that ends a line."""
    return (sum(line) & 0x3F) + 0x30


def number(characters: bytes) -> int:
    """What some characters mean. Raises ValueError for one that means nothing."""
    value = 0
    for character in characters:
        if not 0x30 <= character < 0x70:
            raise ValueError(f"found {character:#x}, allowed: 0x30 to 0x6f")
        value = value << 6 | character - 0x30
    return value


@njit(cache=True)
def decode_lines(block, values):
    """The numbers of three characters each in lines (n,) uint8, each with its sum, a line feed between two of them.

    values (m,) int32, written. Returns how many there are; -1 if a sum, a character or their count is wrong.
    """
    n, value, characters, total = 0, 0, 0, 0
    size = block.shape[0]
    for k in range(size):
        last = k + 1 == size or block[k + 1] == 0x0A
        if block[k] == 0x0A:
            continue
        if last:
            if (total & 0x3F) + 0x30 != block[k]:
                return -1
            total = 0
            continue
        digit = int(block[k]) - 0x30
        if not 0 <= digit < 64:
            return -1
        total += int(block[k])
        value = value << 6 | digit
        characters += 1
        if characters == 3:
            if n == values.shape[0]:
                return -1
            values[n] = value
            n += 1
            value = characters = 0
    return n if characters == 0 else -1


@dataclass(frozen=True)
class Answer:
    """One answer: the line that it repeats, its status, and the lines behind, as one block."""

    request: str
    status: str
    body: bytes

    def fields(self) -> dict[str, str]:
        """What VV, PP and II tell, by name: lines NAME:VALUE;SUM, those whose sum is wrong left out."""
        told = {}
        for line in self.body.split(b"\n"):
            text, semicolon, character = line[:-2], line[-2:-1], line[-1:]
            name, colon, value = text.partition(b":")
            if semicolon == b";" and colon and character == bytes([checksum(text)]):
                told[told_text(name)] = told_text(value)
        return told

    def stamp_ms(self) -> int | None:
        """The time stamp of a scan; None if there is none."""
        line = self.body[:5]
        if len(line) < 5 or self.body[5:6] not in (b"\n", b"") or checksum(line[:4]) != line[4]:
            return None
        try:
            return number(line[:4])
        except ValueError:
            return None

    def distances_mm(self, steps: int) -> np.ndarray | None:
        """The distances (steps,) int32, mm, of a scan; None if it is damaged or has another number of them."""
        values = np.empty(steps, np.int32)
        found = decode_lines(np.frombuffer(self.body, np.uint8)[6:], values)
        return values if found == steps else None


def parse_answer(message: bytes) -> Answer | None:
    """An answer without the empty line behind it; None if it is damaged."""
    request, _, rest = message.partition(b"\n")
    status, _, body = rest.partition(b"\n")
    if len(status) != 3 or checksum(status[:2]) != status[2] or not request.isascii() or not status.isascii():
        return None
    return Answer(request.decode(), told_text(status[:2]), body)


@dataclass(frozen=True)
class Geometry:
    """What PP tells of a lidar: its steps, all of `steps_a_turn`, and which of them are measured."""

    model: str
    nearest_mm: int  # what is below it is no distance but an error's number
    farthest_mm: int
    steps_a_turn: int
    first_step: int
    last_step: int
    front_step: int
    turn_s: float

    @property
    def steps(self) -> int:
        """How many are measured."""
        return self.last_step - self.first_step + 1

    def step_s(self) -> float:
        """Between two steps."""
        return self.turn_s / self.steps_a_turn

    def angles_rad(self) -> np.ndarray:
        """(steps,) float32: of each measured step, 0 ahead, counter-clockwise positive."""
        steps = np.arange(self.first_step, self.last_step + 1) - self.front_step
        return (steps * (2.0 * np.pi / self.steps_a_turn)).astype(np.float32)


def geometry(told: dict[str, str]) -> Geometry:
    """The geometry that PP's fields tell. Raises ValueError for one that is missing or cannot be."""
    values = {}
    for name in ("DMIN", "DMAX", "ARES", "AMIN", "AMAX", "AFRT", "SCAN"):
        text = told.get(name, "nothing").strip()
        if not text.isdecimal():
            raise ValueError(f"PP: {name}: found {text}, needed: a number")
        values[name] = int(text)
    first, last, turn = values["AMIN"], values["AMAX"], values["ARES"]
    if not (0 <= first < last < MEASURED_STEPS_MAX and last - first < turn and values["SCAN"] > 0 and 0 <= values["DMIN"] < values["DMAX"]):  # fmt: skip
        raise ValueError(f"PP: found {values}, which is no lidar")
    return Geometry(
        told.get("MODL", "?"), values["DMIN"], values["DMAX"], turn, first, last, values["AFRT"], 60.0 / values["SCAN"]
    )
