"""What the bytes of a kind of position servos mean: all that `drivers/servo_bus.py` asks of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Packet(NamedTuple):
    """A servo's answer."""

    servo: int
    error: int
    data: bytes


class Identity(NamedTuple):
    """What a servo is."""

    model: int
    firmware: str
    volts: tuple[float, float]  # that it accepts; (0, inf) where it does not tell here
    limits: tuple[int, int] = (0, 4095)  # of its position, steps, that it keeps for itself
    mode: int = 0  # in which it works


class State(NamedTuple):
    """What a servo tells of itself, in its own steps and direction."""

    steps: int
    steps_s: float
    load: float
    voltage_v: float
    temperature_c: float
    current_a: float
    status: int


class Dialect(Protocol):
    """The bytes that a kind of servos speaks. Addresses are those of its table of registers."""

    name: str
    models: Mapping[int, str]
    identity_at: tuple[int, int]  # address, bytes
    state_at: tuple[int, int]
    goal_at: int
    torque_at: int
    overhead: int  # bytes of an answer around its data
    nominal_v: float  # at which its maker tells its torque
    id_at: int
    modes: Mapping[int, str]  # in which a servo follows goals of its position
    mode_at: int
    limits_at: str
    no_limits: tuple[int, int]  # besides those that hold all
    shift_at: int
    shift_max: int  # steps, either way
    wraps: bool  # what it tells is within a turn, whatever it adds
    delay_s: float  # the longest that a servo takes to begin its answer, as it leaves the factory

    def unlock(self, servo: int) -> list[bytes]:
        """What comes before `keep`, in order; who has not answered each would forget without power."""
        ...

    def keep(self, servo: int, address: int, data: bytes) -> list[bytes]:
        """What lets an unlocked servo keep registers without power, in order. The last one may be for its new ID."""
        ...

    def opened(self) -> list[tuple[int, bytes]]:
        """Registers, and what they hold in a servo that follows each goal within a turn."""
        ...

    def shift(self, data: bytes) -> int:
        """Steps that a servo adds to what it measures, of the registers from `shift_at` on."""
        ...

    def shift_bytes(self, steps: int) -> bytes: ...
    def read(self, servo: int, address: int, count: int) -> bytes: ...
    def sync_read(self, servos: Sequence[int], address: int, count: int) -> bytes: ...
    def sync_write(self, address: int, data: Mapping[int, bytes]) -> bytes: ...
    def answers(self, stream: bytes, count: int) -> tuple[list[Packet], int]:
        """The whole packets with so many bytes of data in a stream, and how many bytes belonged to none."""
        ...

    def identity(self, data: bytes) -> Identity: ...
    def state(self, data: bytes, error: int) -> State: ...
    def goal(self, steps: int) -> bytes: ...
    def faults(self, status: int) -> str:
        """Error bits in words; empty for none."""
        ...
