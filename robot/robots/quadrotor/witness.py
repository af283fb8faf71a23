"""Decisions of a policy on board that the app tells whole (crazyflie_templates/witness.c): put together, and checked bit by bit.

A decision comes in parts of 30 bytes. One of which a part is lost is passed over.

Of a policy with memory the memory before a decision and after it are told and checked as well, and that nothing is remembered
in the first decision of a flight. That the memory of one decision that is told comes of that of the last one that was, the
forty-nine between them alone could tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from firmware_export.arithmetic import KERNELS, Kernel, step
from firmware_export.network import Network

KIND, HEAD_BYTES, PART_BYTES = 0x57, 2, 28


@dataclass(frozen=True)
class Told:
    """One decision. seen (sensed,): observation, in the units of its fields; done (outputs,); float32. is_right: its weights
    give this, of the memory that it tells."""

    decision: int
    seen: np.ndarray
    done: np.ndarray
    is_right: bool


class Witness:
    """Takes the app channel's packets, in the order of their arrival."""

    def __init__(self, network: Network) -> None:
        self._network = network
        wide = network.memory
        remembered = [("flown", "<u4"), ("memory", "<f4", (wide,)), ("memory_next", "<f4", (wide,))] if wide else []
        decided = [("seen", "<f4", (network.inputs,)), ("done", "<f4", (network.outputs,))]
        self._told = np.dtype([("decision", "<u4"), *remembered, *decided])  # `told` of witness.c
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
            if len(self._parts) >= self._told.itemsize:
                self._next = 0
                yield self._judged(self._parts[: self._told.itemsize])

    def _judged(self, told: bytes) -> Told:
        network, one = self._network, np.frombuffer(told, self._told)
        memory = one["memory"] if network.memory else network.initial_memory(1)
        after = one["memory_next"] if network.memory else memory
        wanted = one["done"].tobytes() + after.tobytes()

        def gives_this(kernel: Kernel) -> bool:
            return b"".join(each.tobytes() for each in step(network, kernel, one["seen"], memory)) == wanted

        kernel = next(filter(gives_this, self._kernels), None)
        if kernel is not None:  # the first to be tried from now on
            self._kernels.sort(key=kernel.__ne__)
        begins_empty = not network.memory or one["flown"][0] > 0 or not memory.any()
        scale, offset = network.scale_and_offset()
        seen = (one["seen"][0, : network.sensed] / scale + offset).astype(np.float32)
        return Told(int(one["decision"][0]), seen, one["done"][0].copy(), kernel is not None and begins_empty)
