"""The cart's emulator: `python -m tests.toy_robot.emulator --config FILE`. A cart that hears nothing is not pushed.

It sends a STATE whenever its time went on to all that have pushed it, unless a `1` has silenced it and no `0` has let it
speak again, and at once to who asks for one with a `?`.
"""

import json
import select
import socket
import struct
import sys
import time
from pathlib import Path

from drivers.emulators.child import end_when_told, listen

STEP_S, WATCHDOG_S, PUSH_MAX_N, MASS_KG, DRAG_KG_S, END_M = 0.01, 0.3, 1.0, 1.0, 0.5, 1.0
STATE, PUSH = struct.Struct("<4d"), struct.Struct("<d")  # time_s, place_m, speed_m_s, push_n; push_n


class Rail:
    """The cart itself."""

    def __init__(self, place_m: float) -> None:
        self.steps, self.place_m, self.speed_m_s, self.push_n, self.heard = 0, place_m, 0.0, 0.0, 0
        self.silent = False

    def advance(self, time_s: float) -> None:
        while (self.steps + 0.5) * STEP_S < time_s:
            self.steps += 1
            self.push_n = self.push_n if (self.steps - self.heard) * STEP_S < WATCHDOG_S else 0.0
            self.speed_m_s += STEP_S * (self.push_n - DRAG_KG_S * self.speed_m_s) / MASS_KG
            self.place_m += STEP_S * self.speed_m_s
            if abs(self.place_m) > END_M:
                self.place_m, self.speed_m_s = max(-END_M, min(END_M, self.place_m)), 0.0

    def obey(self, data: bytes) -> None:
        self.push_n, self.heard = max(-PUSH_MAX_N, min(PUSH_MAX_N, *PUSH.unpack(data))), self.steps


def serve(rail: Rail, directory: Path, lockstep: bool) -> None:
    doors = [listen(directory / "cart", socket.SOCK_SEQPACKET), listen(directory / "lockstep")]
    print(json.dumps({}), flush=True)
    ends: dict[socket.socket, socket.socket] = {}  # by connection, the door that it came through
    pushing, begin_s = set[socket.socket](), time.monotonic()
    while True:
        for end in select.select([*doors, *ends], [], [], None if lockstep else STEP_S)[0]:
            if end in doors:
                ends[end.accept()[0]] = end
            elif not (data := heard(end)):
                pushing.discard(end)
                del ends[end]
            elif ends[end] is doors[1]:
                rail.advance(*PUSH.unpack(data))
                tell(rail, set() if rail.silent else pushing)
                end.send(PUSH.pack(rail.steps * STEP_S))
            elif data == b"?":
                tell(rail, {end})
            elif data in (b"0", b"1"):
                rail.silent = data == b"1"
            else:
                rail.obey(data)
                pushing.add(end)
        if not lockstep:
            rail.advance(time.monotonic() - begin_s)
            tell(rail, set() if rail.silent else pushing)


def heard(end: socket.socket) -> bytes:
    try:
        return end.recv(8)
    except ConnectionResetError:  # it was killed before it had read all
        return b""


def tell(rail: Rail, ends: set[socket.socket]) -> None:
    for end in ends:
        try:
            end.send(STATE.pack(rail.steps * STEP_S, rail.place_m, rail.speed_m_s, rail.push_n), socket.MSG_DONTWAIT)
        except OSError:  # it reads too slowly, or is gone
            continue


if __name__ == "__main__":
    config = json.loads(Path(sys.argv[2]).read_text())
    end_when_told(str(Path(sys.argv[2]).parent))
    serve(Rail(config["place_m"]), Path(sys.argv[2]).parent, config["clock"] == "lockstep")
