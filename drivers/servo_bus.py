"""Position servos in a chain on one serial bus: what their drivers have in common, whatever bytes they speak.

One wire carries both directions, so one exchange is under way at a time, and each has a deadline: whoever has not answered
by then is only older. The state of all servos is asked for at once, and everyone's answer stands by itself: a packet that is damaged
costs one servo's freshness and nothing else. Answers carry no number, so requests differ in how many bytes they ask
for: one that comes late is not taken for the next one's.

Servos have no watchdog, and without torque a raised arm falls: `stop` holds the arm where it is.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.serial_driver import SerialDriver
from drivers.serial_port import SerialPort
from drivers.servo_dialect import Dialect, Identity, Packet, State
from drivers.servo_fitness import unfit

SERVOS_MAX = 16
SILENCE_S = 0.5  # of one servo, for longer something is wrong
ADAPTER_S = 0.004  # that an adapter may keep bytes for
SPARE_BYTES = 20  # more than servos' delays before they answer
LENGTHS = 3  # answers of as many lengths follow each other
STEPS_A_TURN = 4096
RAD_A_STEP = 2.0 * math.pi / STEPS_A_TURN
TEMPERATURE_C = 65.0  # above it, it is told; the servos' own limit is 70


@dataclass(frozen=True, slots=True)
class ServoReading:
    """The newest values of each joint, in the order of the settings. Arrays are (joints,); what was never received is 0."""

    position_rad: Annotated[np.ndarray, SERVOS_MAX]
    speed_rad_s: Annotated[np.ndarray, SERVOS_MAX]
    load: Annotated[np.ndarray, SERVOS_MAX]  # of the motor's full duty, -1 to 1, in the joint's direction
    voltage_v: Annotated[np.ndarray, SERVOS_MAX]
    temperature_c: Annotated[np.ndarray, SERVOS_MAX]
    current_a: Annotated[np.ndarray, SERVOS_MAX]
    status: Annotated[np.ndarray, SERVOS_MAX]  # the servo's own error bits
    age_s: Annotated[
        np.ndarray, SERVOS_MAX
    ]  # since each servo was asked for what it answered; NEVER_S before the first
    oldest_age_s: float = NEVER_S


@dataclass(frozen=True, slots=True)
class ServoCommand:
    """What was really sent, after limits and refusals."""

    goal_rad: tuple[float, ...]
    refused: bool = False  # the command was not finite, or not for these joints: the servos were told to stay instead


@dataclass(frozen=True)
class ServoSettings:
    """How an arm's servos are wired. Sequences hold one value a joint, from the base on."""

    port: str
    baud: int = 1_000_000
    ids: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    home_steps: tuple[int, ...] = (
        2048,
        2048,
        2048,
        2048,
        2048,
        2048,
    )  # what a servo tells when its joint's angle is zero
    reversed: tuple[bool, ...] = (False, False, False, False, False, False)
    low_rad: tuple[float, ...] = (-1.9, -1.7, -1.65, -1.6, -2.7, -0.15)  # no goal is sent beyond
    high_rad: tuple[float, ...] = (1.9, 1.7, 1.65, 1.6, 2.7, 1.7)

    def __post_init__(self) -> None:
        if self.baud <= 0:
            raise ValueError(f"baud: found {self.baud}, allowed: above 0")
        count = len(self.ids)
        if not 1 <= count <= SERVOS_MAX or len(set(self.ids)) < count or not all(0 <= i <= 252 for i in self.ids):
            raise ValueError(f"ids: found {list(self.ids)}, allowed: 1 to {SERVOS_MAX} different ones, 0 to 252")
        for name in ("home_steps", "reversed", "low_rad", "high_rad"):
            if len(getattr(self, name)) != count:
                raise ValueError(f"{name}: found {len(getattr(self, name))} values, allowed: {count}, one for each id")
        for joint in range(count):
            low, high = self.low_rad[joint], self.high_rad[joint]
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(
                    f"low_rad, high_rad: found {low}, {high} for joint {joint}, allowed: the lower one first"
                )
            ends = sorted((self.steps(joint, low), self.steps(joint, high)))
            if ends[0] < 0 or ends[1] > STEPS_A_TURN - 1:
                raise ValueError(
                    f"home_steps: found {self.home_steps[joint]} for joint {joint}, whose range is then {ends[0]} to "
                    f"{ends[1]} steps, allowed: within 0 to {STEPS_A_TURN - 1}; turn its horn by a tooth or more"
                )

    def steps(self, joint: int, angle_rad: float) -> int:
        """What the servo calls a joint's angle."""
        sign = -1 if self.reversed[joint] else 1
        return self.home_steps[joint] + sign * round(angle_rad / RAD_A_STEP)

    def angle_rad(self, joint: int, steps: int) -> float:
        """The joint's angle for what its servo tells."""
        sign = -1 if self.reversed[joint] else 1
        return sign * (steps - self.home_steps[joint]) * RAD_A_STEP


@dataclass
class _Exchange:
    """What was asked, of whom, and until when answers count."""

    sent: bytes
    servos: set[int]
    count: int  # of bytes in each answer
    asked_s: float
    deadline_s: float
    identifies: bool


class ServoBus(SerialDriver):
    """Driver of the servos of one arm. Call `read` once a tick and then `write` or `hold`.

    Who each servo is comes first: one that is of another model is never commanded, and named.
    """

    def __init__(self, settings: ServoSettings, clock: Clock, dialect: Dialect) -> None:
        self.settings, self.dialect = settings, dialect
        self.known: dict[int, Identity] = {}  # by ID, as they have told
        self.damaged_bytes = 0  # that belonged to no whole packet
        self._clock = clock
        self._port = SerialPort(settings.port, settings.baud)
        self._joint = {servo: joint for joint, servo in enumerate(settings.ids)}
        self._exchange: _Exchange | None = None
        self._stream = b""
        self._asked = False  # since the last read
        self._turn = 0
        self._states: dict[int, State] = {}
        self._state_s = dict.fromkeys(settings.ids, -NEVER_S)
        self._damaged = dict.fromkeys(
            settings.ids, 0
        )  # exchanges in a row in which something came, and not this one's answer
        self._goals: dict[int, int] = {}
        self._unsent = False  # goals
        self._switch = b""  # of the torque, that is to be sent
        self._opened_s = 0.0
        self._refusal = ""
        self._link_trouble = f"{settings.port}: not open"

    def open(self) -> None:
        """Open the port; servos keep their torque and their goals. Raises LinkLost with what to do about it."""
        self._port.open()
        self._link_trouble, self._refusal, self._exchange, self._stream, self._asked = "", "", None, b"", False
        self.known.clear()
        self._goals.clear()
        self._unsent, self._switch = False, b""
        self._opened_s = self._clock.now()
        self._send_all()

    def read(self) -> ServoReading:
        """Take in the answers and return the newest values with their ages. Never blocks. Raises LinkLost."""
        self._receive()
        if self._exchange is None and (self._unsent or self._switch or not self._asked):
            self._send_all()
        self._asked = False
        now, states = self._clock.now(), self._states
        blank = State(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
        told = [states.get(servo, blank) for servo in self.settings.ids]
        signs = np.array([-1.0 if other_way else 1.0 for other_way in self.settings.reversed])
        known = [servo in states for servo in self.settings.ids]
        positions = [self.settings.angle_rad(joint, state.steps) for joint, state in enumerate(told)]
        ages = np.array([now - self._state_s[servo] for servo in self.settings.ids])
        return ServoReading(
            position_rad=np.where(known, positions, 0.0),
            speed_rad_s=signs * [state.steps_s * RAD_A_STEP for state in told],
            load=signs * [state.load for state in told],
            voltage_v=np.array([state.voltage_v for state in told]),
            temperature_c=np.array([state.temperature_c for state in told]),
            current_a=signs * [state.current_a for state in told],
            status=np.array([float(state.status) for state in told]),
            age_s=ages,
            oldest_age_s=float(ages.max()),
        )

    def write(self, goal_rad: Sequence[float]) -> ServoCommand:
        """Send goals, one a joint, rad, within the joints' ranges; returns what was really sent. Raises LinkLost.

        Anything that is not a finite number for each joint holds the arm where it is, and says `refused`.
        """
        settings = self.settings
        if len(goal_rad) != len(settings.ids) or not all(map(math.isfinite, goal_rad)):
            self._refusal = f"{settings.port}: refused goals {list(goal_rad)}; holding"
            return self.hold(refused=True)
        self._refusal = ""
        steps = {}
        for joint, servo in enumerate(settings.ids):
            within = min(settings.high_rad[joint], max(settings.low_rad[joint], goal_rad[joint]))
            steps[servo] = settings.steps(joint, within)
        return self._command(steps, False)

    def hold(self, refused: bool = False) -> ServoCommand:
        """Let every servo stay where it is; one that was not seen lately keeps the goal that it has. Raises LinkLost."""
        return self._command(self._here(), refused)

    def torque(self, on: bool) -> None:
        """Switch the servos' torque. On: where they are becomes their goal first, so that none jumps. Raises LinkLost.

        Off lets a raised arm fall. Servos that are not known are not switched on.
        """
        servos = list(self._here() if on else self.settings.ids)
        if servos:
            self._switch = self.dialect.sync_write(self.dialect.torque_at, dict.fromkeys(servos, bytes([on])))
            self._command(self._here() if on else {}, False)

    def torque_again(self) -> None:
        """With the goals that are sent next, switch the torque on once more: nobody answers a switch, and a servo that missed it would hang.
        Those that have let go by themselves, and tell why, are left as they are.
        """
        servos = [servo for servo in self._here() if self._states[servo].status == 0]
        if servos:
            self._switch = self.dialect.sync_write(self.dialect.torque_at, dict.fromkeys(servos, bytes([True])))

    def stop(self) -> None:
        """Hold the arm where it is. Never raises, also without a port.

        At once: where servos are answering, zeros that mean nothing go ahead until they have ended, and hear again.
        """
        self._at_once(self.hold)

    def let_go(self) -> None:
        """Switch every servo's torque off, as `stop` holds: at once, never raises. A raised arm falls."""
        self._at_once(lambda: self.torque(False))

    def _at_once(self, say: Callable[[], object]) -> None:
        exchange, self._exchange = self._exchange, None
        try:
            if exchange is not None:
                self._send(bytes(len(exchange.servos) * (self.dialect.overhead + exchange.count) + SPARE_BYTES))
            say()
        except LinkLost as error:
            self._link_trouble = str(error)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        if self._link_trouble or self._refusal:
            return self._link_trouble or self._refusal
        return next(filter(None, map(self._trouble_of, self.settings.ids)), "") or self._different_firmware()

    def _trouble_of(self, servo: int) -> str:
        now, where = self._clock.now(), f"{self.settings.port}: servo {servo}"
        known = self.known.get(servo)
        if wrong := self._unfit(servo):
            return f"{where}: {wrong}"
        if now - max(self._state_s[servo], self._opened_s) > SILENCE_S:
            if self._damaged[servo] >= 3:
                return f"{where}: its answers are damaged; are there two of this ID, or is the cable bad?"
            return f"{where}: no answer for {SILENCE_S} s; is it powered, its cable in, and its ID {servo}?"
        state = self._states.get(servo)
        if state is None or known is None:
            return ""
        if faults := self.dialect.faults(state.status):
            return f"{where}: {faults}"
        low, high = known.volts
        if not low <= state.voltage_v <= high:
            return f"{where}: found {state.voltage_v:.1f} V, allowed: {low:.1f} to {high:.1f}; is it the right supply?"
        return f"{where}: {state.temperature_c:.0f} degrees, too hot" if state.temperature_c > TEMPERATURE_C else ""

    def _different_firmware(self) -> str:
        told = {identity.firmware for identity in self.known.values()}
        if len(told) < 2:
            return ""
        each = ", ".join(f"{servo}: {identity.firmware}" for servo, identity in sorted(self.known.items()))
        return f"{self.settings.port}: servos with different firmware: {each}; bring them to the same"

    @property
    def unfit(self) -> str:
        """Which servo of those that have told of themselves cannot be commanded, and why, in one line; empty for none."""
        found = ((servo, self._unfit(servo)) for servo in self.settings.ids)
        return next((f"{self.settings.port}: servo {servo}: {why}" for servo, why in found if why), "")

    def _unfit(self, servo: int) -> str:
        """Empty, too, while it has not told."""
        if servo not in self.known:
            return ""
        settings, joint = self.settings, self._joint[servo]
        ends = sorted(settings.steps(joint, angle) for angle in (settings.low_rad[joint], settings.high_rad[joint]))
        return unfit(self.dialect, self.known[servo], ends[0], ends[1])

    def _ours(self, servo: int) -> bool:
        return servo in self.known and not self._unfit(servo)

    def _here(self) -> dict[int, int]:
        """Where servos are, of those that were seen lately: what was long ago would be a jump."""
        newest_s = self._clock.now() - SILENCE_S
        lately = {servo: state for servo, state in self._states.items() if self._state_s[servo] >= newest_s}
        return {servo: state.steps for servo, state in lately.items() if self._ours(servo)}

    def _command(self, steps: Mapping[int, int], refused: bool) -> ServoCommand:
        """Let goals go to the servos that are known: now, or, while servos answer, with the next read."""
        self._goals |= {servo: goal for servo, goal in steps.items() if self._ours(servo)}
        self._unsent = True
        self._receive()
        if self._exchange is None:
            self._send_all()
        told = [
            self._goals.get(servo, self.settings.home_steps[joint]) for joint, servo in enumerate(self.settings.ids)
        ]
        return ServoCommand(tuple(self.settings.angle_rad(joint, goal) for joint, goal in enumerate(told)), refused)

    def _send_all(self) -> None:
        """Goals, where there are new ones, a switch of the torque, and the request that the next read expects answers to."""
        data = b""
        if self._unsent and self._goals:
            goals = {servo: self.dialect.goal(goal) for servo, goal in self._goals.items()}
            data = self.dialect.sync_write(self.dialect.goal_at, goals)
        data += self._switch
        self._unsent, self._switch, self._asked = False, b"", True
        self._send(data + self._next_request(len(data)))

    def _next_request(self, before: int = 0) -> bytes:
        """The state of all who are known, or, every second time while some are not, the next one's identity."""
        self._turn += 1
        dialect = self.dialect
        unknown = [servo for servo in self.settings.ids if servo not in self.known]
        if unknown and (self._turn % 2 or len(unknown) == len(self.settings.ids)):
            servos, (address, count) = [unknown[self._turn // 2 % len(unknown)]], dialect.identity_at
            sent = dialect.read(servos[0], address, count)
        else:
            servos, (address, least) = sorted(self.known), dialect.state_at
            count = least + self._turn % LENGTHS
            sent = dialect.sync_read(servos, address, count)
        now = self._clock.now()
        on_wire = before + len(sent) + len(servos) * (dialect.overhead + count)
        deadline_s = now + 2 * on_wire * 10 / self.settings.baud + ADAPTER_S
        self._exchange = _Exchange(sent, set(servos), count, now, deadline_s, address == dialect.identity_at[0])
        return sent

    def _receive(self) -> None:
        try:
            self._stream += self._port.read()
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
        exchange = self._exchange
        if exchange is None:
            self._stream = b""
            return
        heard = self._heard(exchange)
        found, _ = self.dialect.answers(heard, exchange.count)
        if exchange.servos <= {packet.servo for packet in found} or self._clock.now() >= exchange.deadline_s:
            self._end(exchange)

    def _heard(self, exchange: _Exchange) -> bytes:
        """What came, without what an adapter lets us hear of ourselves."""
        own = self._stream.find(exchange.sent)
        return self._stream if own < 0 else self._stream[own + len(exchange.sent) :]

    def _end(self, exchange: _Exchange) -> None:
        """Take what was answered; whoever was not heard is only older."""
        heard = self._heard(exchange)
        found, damaged = self.dialect.answers(heard, exchange.count)
        self.damaged_bytes += damaged
        waiting = set(exchange.servos)
        for packet in found:
            if packet.servo in waiting:
                waiting.discard(packet.servo)
                self._damaged[packet.servo] = 0
                self._take(packet, exchange)
        for servo in waiting:
            self._damaged[servo] = self._damaged[servo] + 1 if damaged else 0
        self._exchange, self._stream = None, b""

    def _take(self, packet: Packet, exchange: _Exchange) -> None:
        if exchange.identifies:
            self.known[packet.servo] = self.dialect.identity(packet.data)
        else:
            self._states[packet.servo] = self.dialect.state(packet.data, packet.error)
            self._state_s[packet.servo] = exchange.asked_s

    def _send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
