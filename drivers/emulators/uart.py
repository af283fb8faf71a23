"""The wire between a device and its host: bytes take their time, and can be lost or corrupted on request."""

import math

import numpy as np


class Uart:
    """The device's end of a serial line with 10 bits a byte: what it receives and what it sends, each with its time."""

    def __init__(self, baud: int, rng: np.random.Generator) -> None:
        self.byte_s = 10 / baud
        self.corrupt_rate = 0.0  # share of the bytes sent that have one bit flipped
        self.drop_rate = 0.0  # share of the bytes sent that never arrive
        self.garbled = False  # the host is at another baud rate: neither side understands the other
        self._rng = rng
        self._received_until_s = -math.inf
        self._outgoing = bytearray()
        self._sending_since_s = -math.inf  # when the first outgoing byte began

    def receive(self, count: int, at_s: float) -> float:
        """When the first of `count` bytes that the host sends at `at_s` begins; the others follow without a gap."""
        begin_s = max(at_s, self._received_until_s)
        self._received_until_s = begin_s + count * self.byte_s
        return begin_s

    def send(self, data: bytes, at_s: float) -> None:
        """Send `data` from `at_s` on, after what is being sent already."""
        if not self._outgoing:
            self._sending_since_s = max(at_s, self._sending_since_s)
        self._outgoing += data

    def arrived(self, until_s: float) -> bytes:
        """The bytes that have reached the host by a time, as the wire left them."""
        if not self._outgoing or until_s < self._sending_since_s:
            return b""
        count = min(len(self._outgoing), math.floor((until_s - self._sending_since_s) / self.byte_s + 1e-6))
        data = bytes(self._outgoing[:count])
        del self._outgoing[:count]
        self._sending_since_s += count * self.byte_s
        return self.damage(data)

    def clear(self) -> None:
        """Forget what waits to be sent."""
        self._outgoing.clear()

    def damage(self, data: bytes) -> bytes:
        """`data` after losses and flipped bits, at the rates asked for."""
        if self.garbled:
            return self._rng.integers(0, 256, len(data), dtype=np.uint8).tobytes()
        if self.corrupt_rate == 0.0 and self.drop_rate == 0.0:
            return data
        stream = np.frombuffer(data, dtype=np.uint8)
        bits = (1 << self._rng.integers(0, 8, len(stream))).astype(np.uint8)
        stream = stream ^ np.where(self._rng.random(len(stream)) < self.corrupt_rate, bits, 0).astype(np.uint8)
        return stream[self._rng.random(len(stream)) >= self.drop_rate].tobytes()
