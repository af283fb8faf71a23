"""The registers of servos on one bus, one question after the other: what a set-up looks at, and writes for good.

Nothing here is for a robot that moves: each call waits for its answer. A servo that is not there says nothing; where two have one ID,
both answer at once, and what arrives is damaged, or is too long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.base import Clock, LinkLost
from drivers.serial_port import SerialPort
from drivers.servo_bus import ADAPTER_S
from drivers.servo_dialect import Dialect, Identity, Packet

IDS = range(253)
LOOK_S = 0.002
AGAIN = 8  # questions whose answers show whether two servos give them
DAMAGED_MIN = 2  # of these: one alone may be the cable


class Waiting(Clock, Protocol):
    """A clock that can be waited with."""

    def sleep_until(self, time_s: float) -> None: ...


@dataclass(frozen=True)
class Heard:
    """What came after a question: its answer, where one came whole; spoilt: bytes came that are none."""

    answer: Packet | None
    spoilt: bool


@dataclass(frozen=True)
class Found:
    """Who answers on a bus. identities: by ID, of those that are alone with theirs; doubled: IDs whose answers are spoilt."""

    identities: dict[int, Identity]
    doubled: tuple[int, ...]


class ServoRegisters:
    """A bus, open for questions. Use as a context. Raises LinkLost."""

    def __init__(self, port: str, baud: int, dialect: Dialect, clock: Waiting) -> None:
        self.dialect, self._clock, self._baud = dialect, clock, baud
        self._port = SerialPort(port, baud)

    def __enter__(self) -> "ServoRegisters":
        self._port.open()
        return self

    def __exit__(self, *raised: object) -> None:
        self._port.close()

    def ask(self, sent: bytes, servo: int, count: int) -> Heard:
        """Send a question, and wait for the answer with so many bytes of data."""
        self._port.read()
        self._port.write(sent)
        size = self.dialect.overhead + count
        begin_s = self._clock.now()
        end_s = begin_s + (len(sent) + 2 * size) * 10 / self._baud + self.dialect.delay_s + ADAPTER_S
        heard = b""
        while self._clock.now() < end_s:
            self._clock.sleep_until(self._clock.now() + LOOK_S)
            heard += self._port.read()
        own = heard.find(sent)  # an adapter may let us hear ourselves
        heard = heard if own < 0 else heard[:own] + heard[own + len(sent) :]
        answers, damaged = self.dialect.answers(heard, count)
        mine = [each for each in answers if each.servo == servo]
        return Heard(mine[0] if len(mine) == 1 else None, bool(damaged) or len(answers) > 1)

    def talks(self, seconds: float) -> bool:
        """Whether anything comes that was not asked for."""
        self._port.read()
        self._clock.sleep_until(self._clock.now() + seconds)
        return bool(self._port.read())

    def read(self, servo: int, address: int, count: int) -> bytes | None:
        """Registers of one; None where no answer came whole in three tries."""
        for _ in range(3):
            answer = self.ask(self.dialect.read(servo, address, count), servo, count).answer
            if answer is not None:
                return answer.data
        return None

    def look_for(self, servo: int) -> Identity | bool | None:
        """Who has an ID: its identity; None: nobody; True: more than one, whose answers spoil one another."""
        address, count = self.dialect.identity_at
        ask = self.dialect.read(servo, address, count)
        first = self.ask(ask, servo, count)
        if first.answer is None and not first.spoilt:
            return None
        told = [first, *(self.ask(ask, servo, count) for _ in range(AGAIN - 1))]
        whole = [each.answer for each in told if each.answer is not None and not each.spoilt]
        if sum(each.spoilt for each in told) >= DAMAGED_MIN or not whole:
            return True
        return self.dialect.identity(whole[0].data)

    def find(self, ids: Sequence[int] = IDS) -> Found:
        """Who answers."""
        told = {servo: found for servo in ids if (found := self.look_for(servo)) is not None}
        return Found(
            {servo: found for servo, found in told.items() if isinstance(found, Identity)},
            tuple(servo for servo, found in told.items() if found is True),
        )

    def keep(self, servo: int, address: int, data: bytes) -> None:
        """Write registers for good, and read them back. Raises LinkLost where they are not as they were written.

        A locked servo tells what was written to it as well, until the power goes: who is not heard to unlock is not written to.
        """
        for sent in self.dialect.unlock(servo):
            if not any(self.ask(sent, servo, 0).answer for _ in range(3)):
                raise LinkLost(
                    f"{self._port.path}: servo {servo} does not answer when it is unlocked; does it answer reads alone?"
                )
        for sent in self.dialect.keep(servo, address, data):
            self.ask(sent, servo, 0)
        renamed = data[0] if address == self.dialect.id_at else servo
        if self.read(renamed, address, len(data)) != data:
            raise LinkLost(f"{self._port.path}: servo {servo} does not keep what is written to its register {address}")

    def rename(self, servo: int, to: int) -> None:
        """Give a servo another ID: of all that have this one."""
        self.keep(servo, self.dialect.id_at, bytes([to]))

    def shift(self, servo: int) -> int | None:
        """Steps that a servo adds to what it measures; None where it does not answer."""
        told = self.read(servo, self.dialect.shift_at, len(self.dialect.shift_bytes(0)))
        return None if told is None else self.dialect.shift(told)

    def set_shift(self, servo: int, steps: int) -> None:
        self.keep(servo, self.dialect.shift_at, self.dialect.shift_bytes(steps))

    def steps(self, servo: int) -> int | None:
        """Where a servo is; None where it does not answer."""
        told = self.read(servo, *self.dialect.state_at)
        return None if told is None else self.dialect.state(told, 0).steps

    def volts(self, servo: int) -> float | None:
        told = self.read(servo, *self.dialect.state_at)
        return None if told is None else self.dialect.state(told, 0).voltage_v

    def let_go(self, servos: Sequence[int]) -> None:
        """Switch their torque off."""
        self._port.write(self.dialect.sync_write(self.dialect.torque_at, dict.fromkeys(servos, b"\0")))
        self._clock.sleep_until(self._clock.now() + ADAPTER_S)
