"""A wire that carries both directions, from the servos' end: who speaks while others do is not heard, and spoils what they say.

An adapter may let the host hear itself. Two devices that answer at once never begin in the same moment: the wire is low where either
pulls it low, and the host makes bytes of that as its receiver does.
"""

import numpy as np

from drivers.emulators.uart import Uart

HALF_PACKETS_LAST_S = 0.005
APART_BITS = 15  # by which answers that are given at once begin apart, at most: each servo has an oscillator of its own
FRAME_BITS = 10  # of a byte: a low one that begins it, eight, and a high one


def collided(answers: list[bytes], later_bits: list[int]) -> bytes:
    """What a receiver makes of answers that begin so many bits apart, on a wire that is low where any of them is."""
    wire = np.ones(max(late + FRAME_BITS * len(answer) for answer, late in zip(answers, later_bits, strict=True)), bool)
    for answer, late in zip(answers, later_bits, strict=True):
        bits = np.unpackbits(np.frombuffer(answer, np.uint8)[:, None], axis=1, bitorder="little").astype(bool)
        framed = np.pad(bits, ((0, 0), (1, 1)), constant_values=((False, False), (False, True)))
        wire[late : late + framed.size] &= framed.ravel()
    heard, at = bytearray(), 0
    while at + FRAME_BITS <= len(wire):
        if wire[at]:
            at += 1
            continue
        heard += np.packbits(wire[at + 1 : at + 9], bitorder="little").tobytes()
        at += FRAME_BITS
    return bytes(heard)


class HalfDuplexBus:
    """Call `receive` with what the host sends, `take` to obey it, `arrived` for what the host hears.

    A kind of devices says where packets end, and obeys them.
    """

    def __init__(self, baud: int, rng: np.random.Generator, echo: bool) -> None:
        self.uart, self.echo, self._rng = Uart(baud, rng), echo, rng
        self.silent = False  # nothing reaches the host
        self._heard: list[tuple[float, int]] = []  # from the host: when each byte is over
        self._over_s = 0.0  # when the packet that is obeyed was over
        self._busy_until_s = 0.0  # when the devices' answers are over

    def packet_length(self, data: bytes) -> int:
        """Of the whole packet that bytes begin with; 0 where they begin with none."""
        raise NotImplementedError

    def obey(self, whole: bytes) -> None:
        """Do what a packet says, and answer."""
        raise NotImplementedError

    def receive(self, data: bytes, at_s: float) -> None:
        """What the host sends from a time on."""
        if not data:
            return
        begin_s, byte_s = self.uart.receive(len(data), at_s), self.uart.byte_s
        if self.echo:
            self.uart.send(data, begin_s)
        self._heard += [(begin_s + (k + 1) * byte_s, byte) for k, byte in enumerate(data)]

    def take(self, until_s: float) -> None:
        """Obey what is over by a time. What comes while devices answer nobody hears, and the answers are spoilt."""
        while True:
            if self._heard and self._heard[0][0] <= self._busy_until_s:
                self.uart.clear()
                self._heard = [each for each in self._heard if each[0] > self._busy_until_s]
            whole = bytes(byte for time_s, byte in self._heard if time_s <= until_s)
            lengths = ((at, self.packet_length(whole[at:])) for at in range(len(whole)))
            at, length = next(((at, length) for at, length in lengths if length), (0, 0))
            if not length:
                break
            self._over_s = self._heard[at + length - 1][0]
            self._heard = self._heard[at + length :]
            self.obey(whole[at : at + length])
        if self._heard and until_s > self._heard[-1][0] + HALF_PACKETS_LAST_S:
            self._heard = []

    def say(self, answers: list[bytes], delay_s: float) -> None:
        """Put an answer on the wire, or several at once, after the ones that are there already."""
        together = answers[0]
        if len(answers) > 1:
            together = collided(answers, self._rng.integers(0, APART_BITS, len(answers)).tolist())
        begin_s = max(self._over_s, self._busy_until_s) + delay_s
        self._busy_until_s = begin_s + len(together) * self.uart.byte_s
        self.uart.send(together, begin_s)

    def arrived(self, until_s: float) -> bytes:
        """The bytes that have reached the host by a time."""
        data = self.uart.arrived(until_s)
        return b"" if self.silent else data
