"""Decisions of a policy on board that the app tells whole (crazyflie_templates/witness.c): put together, and checked bit by bit.

A decision comes in parts of 30 bytes. One of which a part is lost is passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from firmware_export.arithmetic import KERNELS, Kernel, infer
from firmware_export.network import Network

KIND, HEAD_BYTES, PART_BYTES = 0x57, 2, 28


@dataclass(frozen=True)
class Told:
    """One decision. seen (sensed,): observation, in the units of its fields; done (outputs,); float32. is_right: its weights
    give this."""

    decision: int
    seen: np.ndarray
    done: np.ndarray
    is_right: bool


class Witness:
    """Takes the app channel's packets, in the order of their arrival."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._bytes = 4 * (1 + network.inputs + network.outputs)
        self._parts = b""
        self._next = 0  # the part that is waited for
        self._kernels: list[Kernel] = [*KERNELS]  # the app is compiled with one of them

    def take(self, packets: list[bytes]) -> Iterator[Told]:
        """The decisions that are whole with these."""
        for packet in packets:
            if len(packet) != HEAD_BYTES + PART_BYTES or packet[0] != KIND:
                continue
            if packet[1] == 0:
                self._parts, self._next = b"", 0
            if packet[1] != self._next:
                self._next = 0  # and so on, until the next one begins
                continue
            self._parts += packet[HEAD_BYTES:]
            self._next += 1
            if len(self._parts) >= self._bytes:
                self._next = 0
                yield self._judged(self._parts[: self._bytes])

    def _judged(self, told: bytes) -> Told:
        network = self._network
        numbers = np.frombuffer(told, "<f4")[1:]
        x, done = numbers[: network.inputs], numbers[network.inputs :]
        kernel = next(
            (each for each in self._kernels if infer(network, each, x[None]).tobytes() == done.tobytes()), None
        )
        if kernel is not None:  # the first to be tried from now on
            self._kernels.sort(key=kernel.__ne__)
        scale, offset = network.scale_and_offset()
        seen = (x[: network.sensed] / scale + offset).astype(np.float32)
        return Told(int(np.frombuffer(told, "<u4", 1)[0]), seen, done.astype(np.float32), kernel is not None)
