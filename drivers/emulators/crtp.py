"""CRTP, the Crazyflie's packets, and a link that loses them.

Header byte: port (4 bits), two link bits that are 1, channel (2 bits); then at most 30 bytes. Over UDP a datagram is one
packet. Bitcraze, crazyflie-firmware, docs/functional-areas/crtp/.
"""

import heapq
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

DATA_MAX = 30
NULL_PACKET = b"\xff"  # port 15, channel 3, no data: sent to ask "is anybody there", ignored by a Crazyflie


class Port(IntEnum):
    """Which part of the firmware a packet is for."""

    CONSOLE = 0
    PARAM = 2
    COMMANDER = 3
    MEM = 4
    LOG = 5
    LOCALIZATION = 6
    SETPOINT = 7
    HIGH_LEVEL = 8
    SUPERVISOR = 9
    PLATFORM = 13
    LINK = 15


class Error(IntEnum):
    """The result byte of an answer (crtp_error_numbers.md); 0 is success."""

    NONE = 0
    EPERM = 1
    ENOENT = 2
    E2BIG = 7
    ENOEXEC = 8
    ENOMEM = 12
    EACCES = 13
    EEXIST = 17
    EINVAL = 22


class Packet(NamedTuple):
    """One CRTP packet."""

    port: int
    channel: int
    data: bytes

    def encoded(self) -> bytes:
        """The datagram. Raises ValueError if the data is too long for a radio packet."""
        if len(self.data) > DATA_MAX:
            raise ValueError(f"packet for port {self.port}: found {len(self.data)} bytes, allowed: at most {DATA_MAX}")
        return bytes([self.port << 4 | 0x0C | self.channel]) + self.data


def decoded(datagram: bytes) -> Packet | None:
    """The packet of a datagram; None if it cannot be one."""
    if not 1 <= len(datagram) <= DATA_MAX + 1:
        return None
    return Packet(datagram[0] >> 4, datagram[0] & 3, datagram[1:])


@dataclass(frozen=True)
class LinkFaults:
    """What goes wrong with datagrams, in each direction, independently of each other."""

    loss: float = 0.0  # share that never arrives
    duplicate: float = 0.0  # share that arrives twice
    late: float = 0.0  # share that is held back, and so may be overtaken
    late_s: float = 0.05  # for how long at most


class FaultyLink:
    """One direction of a link: datagrams go in with a time, and come out when they arrive, if they do."""

    def __init__(self, faults: LinkFaults, rng: np.random.Generator) -> None:
        self.faults = faults
        self.cut = False  # nothing passes at all
        self._rng = rng
        self._on_the_way: list[tuple[float, int, bytes]] = []
        self._count = 0

    def send(self, datagram: bytes, at_s: float) -> None:
        """Take a datagram in."""
        if self.cut or self._rng.random() < self.faults.loss:
            return
        for _ in range(1 + (self._rng.random() < self.faults.duplicate)):
            is_late = self._rng.random() < self.faults.late
            arrives_s = at_s + (self._rng.uniform(0.0, self.faults.late_s) if is_late else 0.0)
            self._count += 1
            heapq.heappush(self._on_the_way, (arrives_s, self._count, datagram))

    def arrived(self, until_s: float) -> list[bytes]:
        """What has arrived by a time, in the order of arrival."""
        out = []
        while self._on_the_way and self._on_the_way[0][0] <= until_s:
            out.append(heapq.heappop(self._on_the_way)[2])
        return out
