"""Another policy onto a drone that carries our app, by radio and without a restart: into RAM, while the policy does not fly.

The app's end is `firmware_export/crazyflie_templates/upload.c`, which says what the packets are. Any of them may be lost: the drone
is asked which pieces are missing until none is, then told what they are to be; it looks them through itself, and the policy that
was there stays until that has come out.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie
from firmware_export.agreed import policy_id
from firmware_export.arithmetic import Kernel
from firmware_export.c_data import image, policy_members
from firmware_export.network import Network
from robot.robots.quadrotor.app_words import IDENTITY
from robot.runtime.clock import Clock

BEGIN, PIECE, ASK, CHOOSE, TELL = 0x42, 0x44, 0x51, 0x53, 0x4F
PIECE_BYTES = 26  # the app channel's packet holds 30
KERNEL: Kernel = "int8"  # of the apps that have banks
AT_ONCE = 8  # pieces between two looks: the firmware's queue to an app holds 10
LOOK_S = 0.01
ANSWER_S, LIMIT_S = 0.2, 30.0
TOLD = struct.Struct("<BBBxIH9H")


class State(IntEnum):
    """What the app says of an upload (upload.h)."""

    NONE = 0
    RUNS = 1
    WHOLE = 2
    CHOSEN = 3
    SPOILT = 4
    WAITS = 5
    REFUSED = 6


WHY_NOT = {
    State.SPOILT: "what arrived is no policy: its checksum or its golden vectors do not come out on board",
    State.WAITS: "the policy flies",
    State.REFUSED: "the app on board takes no weights of this shape: robot export --to crazyflie --kernel int8, build, robot flash",
}


class NotTaken(RuntimeError):
    """The drone did not take the policy; the one that it had stays."""


@dataclass(frozen=True)
class Told:
    """An answer of the app. missing: how many pieces; first: the first of them."""

    transfer: int
    state: State
    version: int
    missing: int
    first: tuple[int, ...]


@dataclass(frozen=True)
class Sent:
    """What it took."""

    seconds: float
    packets: int
    image_bytes: int


def image_of(network: Network) -> bytes:
    """All constants of a policy, as the app has them in memory: weights, arithmetic, golden vectors."""
    return image(policy_members(network, KERNEL))


class OverTheAir:
    """One upload to a drone that is connected, and that nobody else reads meanwhile."""

    def __init__(self, driver: Crazyflie, clock: Clock) -> None:
        self._driver, self._clock = driver, clock
        self._packets = 0
        self._transfer = 0

    def put(self, network: Network, version: int, data: bytes | None = None) -> Sent:
        """Bring a policy on board. data: instead of its image. Raises NotTaken with the reason, LinkLost."""
        data = image_of(network) if data is None else data
        began_s = self._clock.now()
        self._driver.app_packets(1 << 16)
        self._transfer = (self._ask(bytes((ASK, 0)), None).transfer + 1) % 256
        told = self._ask(struct.pack("<BBI", BEGIN, self._transfer, len(data)), self._transfer)
        self._check(told, State.RUNS)
        every = range(-(-len(data) // PIECE_BYTES))
        self._send(data, list(every))
        while (told := self._ask(bytes((ASK, self._transfer)), self._transfer)).state == State.RUNS:
            self._send(data, [*told.first[: told.missing]])
            if self._clock.now() - began_s > LIMIT_S:
                raise NotTaken(f"{told.missing} of {len(every)} pieces have not arrived within {LIMIT_S:.0f} s")
        self._check(told, State.WHOLE)
        order = struct.pack("<BBIII", CHOOSE, self._transfer, zlib.crc32(data), policy_id(network.sha256), version)
        self._check(self._ask(order + struct.pack("<I", zlib.crc32(order)), self._transfer), State.CHOSEN)
        self._hear_of(policy_id(network.sha256))
        return Sent(self._clock.now() - began_s, self._packets, len(data))

    def _send(self, data: bytes, pieces: list[int]) -> None:
        for first in range(0, len(pieces), AT_ONCE):
            for piece in pieces[first : first + AT_ONCE]:
                part = data[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES]
                self._give(struct.pack("<BBH", PIECE, self._transfer, piece) + part)
            self._clock.sleep_until(self._clock.now() + LOOK_S)

    def _give(self, packet: bytes) -> None:
        self._driver.send_app_packet(packet)
        self._packets += 1

    def _ask(self, packet: bytes, transfer: int | None) -> Told:
        """Send until there is an answer, of this transfer."""
        began_s = self._clock.now()
        while self._clock.now() - began_s < LIMIT_S:
            self._give(packet)
            asked_s = self._clock.now()
            while self._clock.now() - asked_s < ANSWER_S:
                self._clock.sleep_until(self._clock.now() + LOOK_S)
                for answer in self._driver.app_packets(1 << 16):
                    if len(answer) == TOLD.size and answer[0] == TELL:
                        _, number, state, version, missing, *first = TOLD.unpack(answer)
                        if transfer is None or number == transfer:
                            return Told(number, State(state), version, missing, tuple(first))
        raise NotTaken(f"the app on board does not answer within {LIMIT_S:.0f} s: is it of an older version?")

    def _check(self, told: Told, wanted: State) -> None:
        if told.state != wanted:
            raise NotTaken(WHY_NOT.get(told.state, f"the app on board says {told.state.name.lower()}"))

    def _hear_of(self, identity: int) -> None:
        """Until the drone's parameter says that this is the policy it has: cflib knows it by heart from before."""
        began_s = self._clock.now()
        while self._driver.parameter(IDENTITY) != identity:
            if self._clock.now() - began_s > LIMIT_S:
                raise LinkLost("the drone does not say which policy it has")
            self._driver.ask_parameter(IDENTITY)
            self._clock.sleep_until(self._clock.now() + ANSWER_S)
