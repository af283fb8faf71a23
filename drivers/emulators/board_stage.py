"""The stage that moves a board, from the other end of its cable: lines of text, as `drivers/board_stage.py` quotes its manual.

Vices: a line may be damaged on its way (see `uart`); orders are obeyed only as whole lines; moving takes a while, and until it is
over the old place is told.
"""

from collections.abc import Callable
from functools import reduce
from operator import xor

import numpy as np

from drivers.emulators.uart import Uart
from sim.arm.insertion import Hole, quaternion_of

SAID_EVERY_S, MOVING_S = 0.05, 0.2


class BoardStageEmulator:
    """`receive` what the host sends, `run` until a time, `arrived` is what the host hears.

    move: brings the board to its next place. see: where the camera sees it now.
    """

    def __init__(self, move: Callable[[], None], see: Callable[[], Hole], rng: np.random.Generator,
                 baud: int = 115200) -> None:  # fmt: skip
        self.uart = Uart(baud, rng)
        self.move, self.see, self.moves = move, see, 0
        move()
        self._heard = b""
        self._ordered = 0
        self._arrives_s = 0.0  # with the board, where it moves
        self._said_s = 0.0

    def receive(self, data: bytes, at_s: float) -> None:
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            word, _, number = line.strip().partition(b" ")
            if word == b"GO" and number.isdigit() and int(number) > self._ordered:
                if self._ordered == self.moves:
                    self._arrives_s = at_s + MOVING_S
                self._ordered = int(number)

    def run(self, until_s: float) -> None:
        if self.moves < self._ordered and until_s >= self._arrives_s:
            self.moves = self._ordered
            self.move()
        while self._said_s + SAID_EVERY_S <= until_s + 1e-9:
            self._said_s += SAID_EVERY_S
            self.uart.send(self._line(), self._said_s)

    def arrived(self, until_s: float) -> bytes:
        return self.uart.arrived(until_s)

    def _line(self) -> bytes:
        seen = self.see()
        numbers = [*seen.place_m.tolist(), *quaternion_of(seen.frame)]
        body = f"BOARD,{self.moves}," + ",".join(f"{x:.6f}" for x in numbers)
        return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()
