"""An electronic speed controller of a model car, and the servo beside it: what pulses make of them.

As the manuals of such controllers describe it: forward, brake, reverse (Hobbywing QuicRun 1060, Tamiya TBLE-02).

- After power-up it waits for neutral before it obeys.
- Above neutral it drives, open loop: so many volts, and as fast as they let the motor turn. Less throttle coasts.
- Below neutral it brakes, if it drove forwards last. After neutral in between, the same pulse drives backwards.
- Without pulses it lets the motor go after a while; some never do (`releases` false).
"""

from dataclasses import dataclass
from enum import Enum, auto

from drivers.emulators.world import BRAKE, RELEASED, SERVO, THROTTLE, World

DEAD_US = 50.0
FULL_US = 500.0  # from neutral to the ends
ARMING_S = 1.0  # of neutral
LOST_S = 0.25  # without a pulse
FULL_BRAKE_A = 40.0


@dataclass(frozen=True)
class EscWiring:
    """How the emulated car is wired, and what its chip and controller are like."""

    address: int = 0x40
    oscillator_share: float = 1.0  # of 25 MHz; chips have 0.94 to 1.08
    servo_channel: int = 1
    throttle_channel: int = 0
    servo_us_per_rad: float = 820.0
    servo_centre_us: float = 1500.0
    neutral_us: float = 1500.0
    full_speed_m_s: float = 8.0  # at full throttle, battery full, no load
    drag_brake_a: float = 8.0  # at neutral, as such controllers are set for cars
    releases: bool = True


class Gear(Enum):
    """What the controller makes of a pulse below neutral."""

    UNARMED = auto()
    BRAKES = auto()
    BRAKED = auto()  # since it drove forwards
    REVERSES = auto()


class Esc:
    """The controller and the servo of `World`'s car. Feed it with `pulses` whenever they change, and with `run`."""

    def __init__(self, world: World, wiring: EscWiring) -> None:
        self._world, self._wiring = world, wiring
        self.gear = Gear.UNARMED
        self._neutral_since_s: float | None = None
        self._heard_s = -LOST_S
        self._motor: float | None = None
        self._servo: float | None = None
        self._told: tuple[int, float] = (RELEASED, 0.0)

    def pulses(self, at_s: float, servo_us: float | None, motor_us: float | None) -> None:
        """What comes from a time on; None: nothing."""
        if servo_us != self._servo:
            self._servo = servo_us
            if servo_us is not None:  # without pulses it stays where it is
                angle = (servo_us - self._wiring.servo_centre_us) / self._wiring.servo_us_per_rad
                self._world.order(at_s, SERVO, angle)
        if motor_us != self._motor:
            self._motor = motor_us
            self._obey(at_s)

    def run(self, until_s: float) -> None:
        """Time goes on with the same pulses."""
        if self._motor is not None:
            self._heard_s = until_s
            if self.gear is Gear.UNARMED:
                self._obey(until_s)
        elif self._wiring.releases and until_s - self._heard_s > LOST_S:
            self._tell(until_s, RELEASED, 0.0)

    def _obey(self, at_s: float) -> None:
        if self._motor is None:
            return
        way = (self._motor - self._wiring.neutral_us) / FULL_US
        dead = DEAD_US / FULL_US
        share = min(1.0, max(0.0, (abs(way) - dead) / (1.0 - dead)))
        if self.gear is Gear.UNARMED:
            self._neutral_since_s = (self._neutral_since_s or at_s) if share == 0.0 else None
            if self._neutral_since_s is None or at_s - self._neutral_since_s < ARMING_S:
                return
            self.gear = Gear.REVERSES
        if share == 0.0:
            if self.gear is Gear.BRAKED:
                self.gear = Gear.REVERSES
            self._tell(at_s, BRAKE, self._wiring.drag_brake_a)
        elif way > 0.0:
            self.gear = Gear.BRAKES
            self._tell(at_s, THROTTLE, share * self._wiring.full_speed_m_s)
        elif self.gear is Gear.REVERSES:
            self._tell(at_s, THROTTLE, -share * self._wiring.full_speed_m_s)
        else:
            self.gear = Gear.BRAKED
            self._tell(at_s, BRAKE, share * FULL_BRAKE_A)

    def _tell(self, at_s: float, mode: int, value: float) -> None:
        if (mode, value) != self._told:
            self._told = mode, value
            self._world.order(at_s, mode, value)
