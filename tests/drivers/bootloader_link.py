"""A bootloader within the test's own process: cflib gets a link to it on which time passes only by waiting."""

import numpy as np
from cflib.crtp.crtpstack import CRTPPacket

from drivers.emulators.crazyflie_bootloader import Bootloader
from drivers.emulators.crtp import FaultyLink, LinkFaults

STEP_S = 0.001


class BootloaderLink:
    """What cflib's drivers offer. `sent`: datagrams from the host, whether or not they arrived."""

    needs_resending = False

    def __init__(self, bootloader: Bootloader, faults: LinkFaults = LinkFaults(), seed: int = 0) -> None:
        self.bootloader = bootloader
        self.uri = "memory"
        self.sent: list[bytes] = []
        self.cut = False
        rngs = np.random.default_rng(seed).spawn(2)
        self._up, self._down = FaultyLink(faults, rngs[0]), FaultyLink(faults, rngs[1])
        self._inbox: list[bytes] = []
        self._now_s = 0.0

    def send_packet(self, packet: CRTPPacket) -> None:
        datagram = bytes((packet.header,)) + bytes(packet.data)
        self.sent.append(datagram)
        if not self.cut:
            self._up.send(datagram, self._now_s)
        self._pass()

    def receive_packet(self, wait: float = 0.0) -> CRTPPacket | None:
        until_s = self._now_s + wait
        while not self._inbox and self._now_s < until_s:
            self._now_s += STEP_S
            self._pass()
        if not self._inbox:
            return None
        datagram = self._inbox.pop(0)
        return CRTPPacket(datagram[0], datagram[1:])

    def deliver(self, datagram: bytes) -> None:
        """Have something arrive at the host that was long on its way."""
        self._inbox.append(datagram)

    def close(self) -> None:
        return

    def _pass(self) -> None:
        for datagram in self._up.arrived(self._now_s):
            if (answer := self.bootloader.answer(datagram)) is not None:
                self._down.send(answer, self._now_s)
        self._inbox += self._down.arrived(self._now_s)
