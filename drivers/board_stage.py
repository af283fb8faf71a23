"""A stage that carries a board to another place when it is told to, with a camera that says where the board is.

Lines of text on a serial port, as a microcontroller speaks them. It says twenty times a second

    $BOARD,<moves>,<x>,<y>,<z>,<qw>,<qx>,<qy>,<qz>*<sum>

moves: how often it has moved the board; x, y, z: of the board's hole, m, in the base's frame of the arm beside it, as its camera
was calibrated; qw to qz: its attitude, a unit quaternion; sum: the exclusive or of the bytes between $ and *, two hexadecimal
digits. `GO <moves>` and a line's end let it move on until it has moved so often; told again, it does nothing again.
"""

import math
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.declared import Declared
from drivers.serial_driver import SerialDriver
from drivers.serial_port import SerialPort

HEADER, NUMBERS = b"BOARD", 7
LONGEST = 200  # bytes of a line
UNIT_WITHIN = 0.01
SILENCE_S = 0.5
OFFSET_MAX_M = 0.05  # who is further off looks at something else


@dataclass(frozen=True, slots=True)
class BoardReading:
    """Where the board's hole is said to be. What was never received is 0, and its age NEVER_S."""

    place_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quaternion: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # w, x, y, z
    moves: int = 0
    age_s: float = NEVER_S


@dataclass(frozen=True)
class BoardStageSettings:
    """Its port. offset_m: what its camera is always wrong by, in the arm's frame; it is taken off what is told."""

    port: str
    baud: int = 115200
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not all(abs(each) <= OFFSET_MAX_M for each in self.offset_m):
            raise ValueError(f"offset_m: found {list(self.offset_m)}, allowed: {OFFSET_MAX_M} either way")
        if self.baud <= 0:
            raise ValueError(f"baud: found {self.baud}, allowed: above 0")


def checksum(body: bytes) -> bytes:
    """Of what stands between $ and *."""
    return b"%02X" % reduce(xor, body, 0)


def line_of(body: bytes) -> bytes:
    """A whole line."""
    return b"$" + body + b"*" + checksum(body) + b"\r\n"


def reading_in(line: bytes) -> BoardReading | None:
    """What a line says; None of one that is damaged, or says what cannot be."""
    body, star, said = line.strip().removeprefix(b"$").rpartition(b"*")
    fields = body.split(b",")
    if not (line.startswith(b"$") and star) or said.upper() != checksum(body) or fields[0] != HEADER:
        return None
    try:
        moves, numbers = int(fields[1]), [float(field) for field in fields[2:]]
    except (ValueError, IndexError):
        return None
    length = math.sqrt(sum(x * x for x in numbers[3:]))
    if len(numbers) != NUMBERS or not all(map(math.isfinite, numbers)) or not 0 <= moves < 1 << 32:
        return None
    if abs(length - 1.0) > UNIT_WITHIN:
        return None
    x, y, z, *quaternion = numbers
    w, i, j, k = (part / length for part in quaternion)
    return BoardReading((x, y, z), (w, i, j, k), moves, 0.0)


class BoardStage(SerialDriver):
    """Driver of the stage. `go` moves it on; `read` tells where its board is."""

    def __init__(self, settings: BoardStageSettings, clock: Clock) -> None:
        self.settings = settings
        self._port = SerialPort(settings.port, settings.baud)
        self._clock = clock
        self._stream = b""
        self._newest = BoardReading()
        self._heard_s = -NEVER_S
        self._opened_s = 0.0
        self._link_trouble = f"{settings.port}: not open"

    def open(self) -> None:
        """Open the port. Raises LinkLost."""
        self._port.open()
        self._link_trouble, self._stream, self._opened_s = "", b"", self._clock.now()

    def read(self) -> BoardReading:
        """The newest line that is whole, and its age. Never blocks. Raises LinkLost."""
        try:
            self._stream += self._port.read()
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
        *lines, self._stream = self._stream.split(b"\n")
        self._stream = self._stream[-LONGEST:]
        for line in lines:
            told = reading_in(line)
            if told is not None:
                x, y, z = (place - off for place, off in zip(told.place_m, self.settings.offset_m, strict=True))
                self._newest, self._heard_s = replace(told, place_m=(x, y, z)), self._clock.now()
        newest = self._newest
        return BoardReading(newest.place_m, newest.quaternion, newest.moves, self._clock.now() - self._heard_s)

    def go(self, moves: int) -> None:
        """Let the board be moved on until it has been so often. Raises LinkLost."""
        try:
            self._port.write(b"GO %d\r\n" % moves)
        except LinkLost as error:
            self._link_trouble = str(error)
            raise

    def stop(self) -> None:
        """It moves on by itself never: there is nothing to stop. Never raises."""

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        if self._link_trouble:
            return self._link_trouble
        silent = self._clock.now() - max(self._heard_s, self._opened_s) > SILENCE_S
        return f"{self._port.path}: no word of the board for {SILENCE_S} s; is the stage powered?" if silent else ""


DRIVER = Declared(
    "board_stage", "a stage that moves a board, and says where it is", BoardStageSettings, BoardStage, BoardReading
)
