"""The cart's driver."""

import math
from contextlib import suppress
from dataclasses import dataclass

from drivers.base import NEVER_S, LinkLost
from drivers.packet_link import PacketLink
from tests.toy_robot.emulator import PUSH, STATE


@dataclass(frozen=True, slots=True)
class CartReading:
    """What the cart tells: where it is on its rail, m, how fast, m/s, and how old that is."""

    place_m: float = 0.0
    speed_m_s: float = 0.0
    age_s: float = NEVER_S


class Cart(PacketLink):
    """Its port is the path of a packet socket."""

    def read(self) -> CartReading:
        self.take()
        return CartReading(*STATE.unpack(self.newest)[1:3], self.age_s) if self.newest else CartReading()

    def push(self, force_n: float) -> None:
        self.send(PUSH.pack(force_n if math.isfinite(force_n) else 0.0))

    def stop(self) -> None:
        with suppress(LinkLost):
            self.push(0.0)
