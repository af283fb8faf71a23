"""A PCA9685 on an I2C bus that pulses a servo and an electronic speed controller (ESC), as on Donkeycar's hats.

NXP PCA9685, data sheet rev. 4: registers 7.3, PWM frequency 7.3.5, restart 7.3.1.1. Counts of 4096 a period of the chip's
own oscillator, nominally 25 MHz, really several per cent off: `oscillator_hz` is measured.

The chip has no watchdog, and nothing on the car measures a speed: it repeats its last pulse for ever, whoever dies. So every
`read` asks whether it still does what it was told, and a guardian writes neutral, then no pulse at all (docs/donkeycar.md says
what that cannot cover).

An ESC brakes by pulses shorter than neutral, once it has been driven forwards; after neutral in between, the same pulses drive
it backwards. What it would do now is kept in mind: where they would drive it backwards, braking is neutral.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from drivers.base import NEVER_S, Clock, LinkLost, VescCommand
from drivers.declared import Declared
from drivers.i2c_bus import I2CBus, NoAnswer

MODE1, MODE2, LED0, PRE_SCALE = 0x00, 0x01, 0x06, 0xFE
RESTART, AUTO_INCREMENT, SLEEP = 0x80, 0x20, 0x10  # of MODE1
TOTEM_POLE = 0x04  # of MODE2; outputs change at the end of a transfer
FULL_OFF = 0x10  # of LEDn_OFF_H
STEPS = 4096
PRE_SCALE_MIN, PRE_SCALE_MAX = 3, 255
CHANNELS = 16
SILENCE_S = 0.1  # without a chip that does what it was told, something is wrong
FULL_BRAKE_A = 40.0  # what the longest way below neutral stands for
ARMING_S = 2.0  # of neutral, before an ESC obeys that has just got its power: it has it from where the chip has
SHIFT_S = 0.12  # of brake, then of neutral, before an ESC goes backwards


@dataclass(frozen=True)
class Pca9685Settings:
    """How one car is wired: pulses in microseconds as they are to come out."""

    port: str = "/dev/i2c-1"
    address: int = 0x40
    oscillator_hz: float = 25e6  # of this very chip
    frequency_hz: float = 60.0  # of the pulses
    servo_channel: int = 1
    throttle_channel: int = 0
    servo_us_per_rad: float = 820.0  # for a radian to the left
    servo_centre_us: float = 1500.0  # when the wheels point ahead
    servo_min_us: float = 1150.0  # at the end stops of the steering
    servo_max_us: float = 1850.0
    neutral_us: float = 1500.0
    start_us: float = 1560.0  # where the motor begins to turn forwards,
    full_us: float = 2000.0  # and is at full throttle
    reverse_start_us: float = 1440.0  # the same backwards, and of the brake
    reverse_full_us: float = 1000.0
    full_speed_m_s: float = 8.0  # of the car at full throttle, battery full

    def __post_init__(self) -> None:
        for name, low, high in (
            ("address", 0x08, 0x77), ("oscillator_hz", 20e6, 30e6), ("frequency_hz", 40.0, 200.0),
            ("servo_channel", 0, CHANNELS - 1), ("throttle_channel", 0, CHANNELS - 1), ("full_speed_m_s", 0.5, 40.0),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: found {getattr(self, name)}, allowed: {low} to {high}")
        if self.servo_channel == self.throttle_channel:
            raise ValueError(f"servo_channel: found {self.servo_channel}, allowed: another one than throttle_channel")
        if not 50.0 <= abs(self.servo_us_per_rad) <= 5000.0:
            raise ValueError(f"servo_us_per_rad: found {self.servo_us_per_rad}, allowed: 50 to 5000, or less than 0")
        for names in (
            ("servo_min_us", "servo_centre_us", "servo_max_us"),
            ("reverse_full_us", "reverse_start_us", "neutral_us", "start_us", "full_us"),
        ):
            pulses = [500.0, *(getattr(self, name) for name in names), 2500.0]
            if not all(a < b for a, b in pairwise(pulses)):
                raise ValueError(
                    f"{', '.join(names)}: found {', '.join(map(str, pulses[1:-1]))}, allowed: 500 to 2500, each more than the last"
                )

    @property
    def steer_reach_rad(self) -> float:
        """How far the wheels can be turned to both sides within the servo's end stops."""
        either = min(self.servo_max_us - self.servo_centre_us, self.servo_centre_us - self.servo_min_us)
        return either / abs(self.servo_us_per_rad)

    @property
    def pre_scale(self) -> int:
        return min(PRE_SCALE_MAX, max(PRE_SCALE_MIN, round(self.oscillator_hz / (STEPS * self.frequency_hz)) - 1))

    @property
    def step_us(self) -> float:
        """Of one count."""
        return 1e6 * (self.pre_scale + 1) / self.oscillator_hz

    def counts(self, pulse_us: float) -> int:
        return min(STEPS - 1, max(0, round(pulse_us / self.step_us)))


@dataclass(frozen=True)
class Pca9685Limits:
    """What every command is held to, whoever gives it."""

    steer_max_rad: float = 0.4189
    speed_min_m_s: float = -3.0
    speed_max_m_s: float = 6.0
    brake_current_a: float = FULL_BRAKE_A
    standstill_m_s: float = 0.05  # below it a speed is a brake


NO_MORE = Pca9685Limits()


@dataclass(frozen=True, slots=True)
class Pca9685Reading:
    """Nothing is measured: only whether the chip does what it was told."""

    obeyed_age_s: float = NEVER_S


class Pca9685:
    """Driver of one chip. Call `read` once a tick and then `write`, `brake` or `coast`."""

    def __init__(
        self, settings: Pca9685Settings, clock: Clock, limits: Pca9685Limits = NO_MORE, bus: I2CBus | None = None
    ) -> None:
        """bus: to speak through instead of an own one that nobody else may open."""
        self.settings, self.limits = settings, limits
        self.firmware, self.too_old = "PCA9685", False
        self._clock = clock
        self._bus = bus or I2CBus(settings.port)
        self._trouble = f"{settings.port}: not open"
        self._refusal = ""
        self._steer = settings.counts(settings.servo_centre_us)
        self._throttle = settings.counts(settings.neutral_us)
        self._released = False  # no pulse at all
        self._brakes = False  # whether the ESC takes a pulse below neutral for the brake
        self._braked = False  # since it was driven forwards
        self._shift_s = -NEVER_S  # until when brake, then neutral, have to be shown before the ESC goes backwards
        self._obeyed_s = -NEVER_S
        self._opened_s = self._armed_s = 0.0

    def open(self) -> None:
        """Take over the bus. A chip that pulses a motor forwards was left by somebody who died: it is braked.

        Raises LinkLost with what to do about it.
        """
        self._bus.open()
        self._trouble = ""
        self._opened_s, self._obeyed_s = self._clock.now(), -NEVER_S
        self._brakes = self._braked = self._released = False
        self._throttle = self.settings.counts(self.settings.neutral_us)
        try:
            if not self._configured():
                self._configure()
            else:
                steer, throttle = (self._pulse(channel) for channel in self._channels)
                self._brakes = (throttle or 0) >= self.settings.counts(self.settings.start_us)
                self._steer = steer or self._steer
        except NoAnswer as error:
            self._bus.close()
            self._trouble = str(error)
            raise LinkLost(self._trouble) from error
        self.brake(self.limits.brake_current_a)

    @property
    def _channels(self) -> tuple[int, int]:
        return self.settings.servo_channel, self.settings.throttle_channel

    def _configured(self) -> bool:
        """Whether the chip is awake, counts up through its registers by itself, and pulses at our frequency. Raises NoAnswer."""
        address = self.settings.address
        mode1 = self._bus.transfer(address, bytes([MODE1]), 1)[0]
        scale = self._bus.transfer(address, bytes([PRE_SCALE]), 1)[0]
        return mode1 & (SLEEP | AUTO_INCREMENT) == AUTO_INCREMENT and scale == self.settings.pre_scale

    def _configure(self) -> None:
        """The frequency can be set while it sleeps alone. Writing pulses clears what a restart would bring back. Raises NoAnswer."""
        for register, value in (
            (MODE1, AUTO_INCREMENT | SLEEP), (PRE_SCALE, self.settings.pre_scale), (MODE2, TOTEM_POLE),
            (MODE1, AUTO_INCREMENT),
        ):  # fmt: skip
            self._bus.transfer(self.settings.address, bytes((register, value)))
        self._brakes = self._braked = False
        self._throttle = self.settings.counts(self.settings.neutral_us)
        self._armed_s = self._clock.now() + ARMING_S

    def _pulse(self, channel: int) -> int | None:
        """Of a channel, counts; None where it gives none. Raises NoAnswer."""
        data = self._bus.transfer(self.settings.address, bytes([LED0 + 4 * channel]), 4)
        return None if data[3] & FULL_OFF else data[2] | (data[3] & 0x0F) << 8

    @property
    def is_arming(self) -> bool:
        """Whether nothing but neutral is sent yet, whatever is asked for."""
        return self._clock.now() < self._armed_s

    def read(self) -> Pca9685Reading:
        """Ask the chip whether it does what it was told; tell it again where not. Never blocks for long. Raises LinkLost."""
        now = self._clock.now()
        try:
            if not self._configured():  # its power was gone
                self._configure()
                self._send()
            else:
                told = (None, None) if self._released else (self._steer, self._throttle)
                if tuple(map(self._pulse, self._channels)) == told:
                    self._obeyed_s, self._trouble = now, ""
        except NoAnswer as error:
            self._trouble = str(error)
        except LinkLost as error:
            self._trouble = str(error)
            raise
        return Pca9685Reading(now - self._obeyed_s)

    def write(self, steer_rad: float, speed_m_s: float) -> VescCommand:
        """Steer, and give the throttle that keeps a speed on the level; returns what was really sent. Raises LinkLost."""
        if not (math.isfinite(steer_rad) and math.isfinite(speed_m_s)):
            self._refusal = f"{self.settings.port}: refused steer {steer_rad} rad, speed {speed_m_s} m/s; braking"
            return self._command(0.0, self.limits.brake_current_a, refused=True)
        self._refusal = ""
        self._aim(steer_rad)
        speed = min(self.limits.speed_max_m_s, max(self.limits.speed_min_m_s, speed_m_s))
        if abs(speed) < self.limits.standstill_m_s:
            return self._command(0.0, self.limits.brake_current_a)
        return self._command(speed, 0.0)

    def brake(self, current_a: float, steer_rad: float | None = None) -> VescCommand:
        """Brake by a share of FULL_BRAKE_A; steer where told, or stay. Raises LinkLost."""
        finite = math.isfinite(current_a) and (steer_rad is None or math.isfinite(steer_rad))
        if not finite:
            current_a, steer_rad = self.limits.brake_current_a, None
        if steer_rad is not None:
            self._aim(steer_rad)
        return self._command(0.0, min(self.limits.brake_current_a, max(0.0, current_a)), refused=not finite)

    def coast(self) -> VescCommand:
        """Neutral. Raises LinkLost."""
        return self._command(0.0, 0.0)

    def release(self) -> None:
        """No pulse any more, on either channel: what the ESC then does is its own. Raises LinkLost."""
        self._released = True
        try:
            self._send()
        except NoAnswer as error:
            raise LinkLost(str(error)) from error

    def stop(self) -> None:
        """Brake. Never raises."""
        if not self._bus.is_open:
            return
        try:
            self._command(0.0, self.limits.brake_current_a)
        except LinkLost as error:
            self._trouble = str(error)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        silent_s = self._clock.now() - max(self._obeyed_s, self._opened_s)
        if not self._bus.is_open or self._refusal or silent_s > SILENCE_S:
            return self._refusal or self._trouble or f"{self.settings.port}: the chip does not do what it is told"
        return ""

    def close(self) -> None:
        """Release the bus; the chip goes on with its last pulses. Never raises."""
        self._bus.close()
        self._trouble = f"{self.settings.port}: not open"

    def reconnect(self) -> bool:
        """Try once to open the bus again by its name. True when it is open and the chip answers."""
        try:
            self.open()
        except LinkLost as error:
            self._trouble = str(error)
            return False
        return True

    def _aim(self, steer_rad: float) -> None:
        wiring = self.settings
        steer = min(self.limits.steer_max_rad, max(-self.limits.steer_max_rad, steer_rad))
        pulse_us = wiring.servo_centre_us + wiring.servo_us_per_rad * steer
        self._steer = wiring.counts(min(wiring.servo_max_us, max(wiring.servo_min_us, pulse_us)))

    def _command(self, speed_m_s: float, brake_a: float, refused: bool = False) -> VescCommand:
        """Choose the throttle's pulse for what the ESC would take it for, and send both pulses."""
        wiring, now = self.settings, self._clock.now()
        forward_us, reverse_us = wiring.full_us - wiring.start_us, wiring.reverse_start_us - wiring.reverse_full_us
        neutral, start, back = map(wiring.counts, (wiring.neutral_us, wiring.start_us, wiring.reverse_start_us))
        throttle = neutral
        if self.is_arming:
            speed_m_s = brake_a = 0.0
        if speed_m_s > 0.0:
            throttle = max(
                start, wiring.counts(wiring.start_us + forward_us * min(1.0, speed_m_s / wiring.full_speed_m_s))
            )
        elif speed_m_s < 0.0:
            if self._brakes and now >= self._shift_s:
                self._shift_s = now + (SHIFT_S if self._braked else 2.0 * SHIFT_S)
            if now < self._shift_s - SHIFT_S and self._brakes:
                throttle = wiring.counts(wiring.reverse_full_us)
            elif now >= self._shift_s and not self._brakes:
                share = min(1.0, -speed_m_s / wiring.full_speed_m_s)
                throttle = min(back, wiring.counts(wiring.reverse_start_us - reverse_us * share))
        elif brake_a > 0.0 and self._brakes:
            throttle = min(back, wiring.counts(wiring.reverse_start_us - reverse_us * min(1.0, brake_a / FULL_BRAKE_A)))
        self._remember(throttle, start, back)
        self._throttle, self._released = throttle, False
        try:
            self._send()
        except NoAnswer as error:
            self._trouble = str(error)
            return VescCommand(self._steer_rad, 0.0, 0.0, refused)
        except LinkLost as error:
            self._trouble = str(error)
            raise
        return VescCommand(self._steer_rad, *self._meant(throttle, start, back), refused)

    def _remember(self, throttle: int, start: int, back: int) -> None:
        """What a pulse below neutral will be next."""
        if throttle >= start:
            self._brakes, self._braked = True, False
        elif throttle <= back:
            self._braked = True
        elif self._braked:
            self._brakes = False

    def _meant(self, throttle: int, start: int, back: int) -> tuple[float, float]:
        """(speed m/s, brake A) that a pulse stands for."""
        wiring = self.settings
        pulse_us = throttle * wiring.step_us
        if throttle >= start:
            share = (pulse_us - wiring.start_us) / (wiring.full_us - wiring.start_us)
            return max(0.0, share) * wiring.full_speed_m_s, 0.0
        if throttle > back:
            return 0.0, 0.0
        share = max(0.0, (wiring.reverse_start_us - pulse_us) / (wiring.reverse_start_us - wiring.reverse_full_us))
        return (0.0, min(1.0, share) * FULL_BRAKE_A) if self._brakes else (-share * wiring.full_speed_m_s, 0.0)

    @property
    def _steer_rad(self) -> float:
        return (self._steer * self.settings.step_us - self.settings.servo_centre_us) / self.settings.servo_us_per_rad

    def _send(self) -> None:
        """Both pulses, each beginning at count 0. Raises NoAnswer, LinkLost."""
        for channel, counts in zip(self._channels, (self._steer, self._throttle), strict=True):
            off = (0, FULL_OFF) if self._released else (counts & 0xFF, counts >> 8)
            self._bus.transfer(self.settings.address, bytes((LED0 + 4 * channel, 0, 0, *off)))


def take_over(settings: Pca9685Settings, clock: Clock) -> Pca9685:
    """The driver for who brings a car to rest that another process drove."""
    return Pca9685(settings, clock, bus=I2CBus(settings.port, shared=True))


DRIVER = Declared(
    "pca9685", "PCA9685 that pulses a servo and an ESC; measures nothing", Pca9685Settings, Pca9685, Pca9685Reading
)
