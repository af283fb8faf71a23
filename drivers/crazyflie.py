"""A Crazyflie over radio, USB or UDP, through Bitcraze's cflib (www.bitcraze.io/documentation/repository).

cflib brings threads of its own: they take in what the drone sends and keep the newest of it here, so that `read` never
waits. Only `open` and `reconnect` do, for connecting means to download tables of several hundred entries.

Frames are those of the firmware's estimator: world z up, body x forward and y left. Who streams set-points keeps the
drone flying: after 500 ms without one the firmware levels it, after 2000 ms it stops the motors (supervisor.c).
"""

import logging
import math
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

import cflib.crazyflie

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.crazyflie_firmware import ask_device_type, ask_version, too_old
from drivers.crazyflie_link import use_repeating_links
from drivers.crazyflie_logs import Logged, Logs
from drivers.crazyflie_reading import (
    GUARD,
    IS_CRASHED,
    IS_FLYING,
    IS_LOCKED,
    IS_TUMBLED,
    LOW_BATTERY_V,
    CrazyflieCommand,
    CrazyflieReading,
    Vector,
    within_box,
)  # fmt: skip
from drivers.declared import Declared

SILENCE_S = 0.5  # without log data for longer, something is wrong
LANDING_S = 2.0  # at least: the firmware stops the motors when the time is up, wherever a drone is that was in motion
ATTEMPTS = 3  # to connect, within the time limit

THRUST_LOW, THRUST_HIGH, THRUST_FULL = 10_001, 60_000, 65_535  # what 0 and 100 % are to cflib; all four rotors' all

POSITION = ("stateEstimate.x", "stateEstimate.y", "stateEstimate.z",
            "stateEstimate.vx", "stateEstimate.vy", "stateEstimate.vz")  # fmt: skip
ATTITUDE = ("stateEstimate.qw", "stateEstimate.qx", "stateEstimate.qy", "stateEstimate.qz",
            "pm.vbat", "pm.state", "supervisor.info")  # fmt: skip
RATE = ("gyro.x", "gyro.y", "gyro.z")
ACCELERATION = ("acc.x", "acc.y", "acc.z")
ACCELERATION_PERIOD_MS = 10  # the shortest there is: after the firmware's filters a blow lasts about as long
HEALTH = ("kalman.varPX", "kalman.varPY", "kalman.varPZ")
HEALTH_PERIOD_MS = 100
APP_BYTES = 30  # in a packet of the app channel
APP_PACKETS = 64  # of the app channel that are kept until somebody takes them; older ones are lost


@dataclass(frozen=True)
class CrazyflieSettings:
    """One drone. The box is about the origin of its estimator; set-points outside of it are moved to its wall."""

    uri: str  # radio://0/80/2M/E7E7E7E7E7, usb://0, udp://127.0.0.1:PORT
    connect_s: float = 20.0
    reach_m: float = 3.0  # the box, along x and y
    height_max_m: float = 2.0
    landing_m_s: float = 0.3

    def __post_init__(self) -> None:
        for name in ("connect_s", "reach_m", "height_max_m", "landing_m_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: found {value}, allowed: above 0")


class Crazyflie:
    """Driver of one drone. Call `read` and `write` every tick; `land` and `stop` also work without a working policy."""

    def __init__(
        self, settings: CrazyflieSettings, clock: Clock, log_period_ms: int = 20, extra: tuple[str, ...] = ()
    ) -> None:
        """log_period_ms: a multiple of 10, the firmware's unit. extra: more log variables, for `CrazyflieReading.extra`."""
        if log_period_ms not in range(10, 1000, 10):
            raise ValueError(f"log_period_ms: found {log_period_ms}, allowed: a multiple of 10 below 1000")
        self.settings, self.log_period_ms, self.extra = settings, log_period_ms, extra
        self._clock = clock
        self._cf: cflib.crazyflie.Crazyflie | None = None
        self._link_trouble = f"{settings.uri}: not open"
        self._refusal = ""
        self._opened_s = 0.0
        self._logs: Logs | None = None
        self._app_packets: deque[bytes] = deque(maxlen=APP_PACKETS)
        self.firmware = ""  # the connected drone's name for its firmware
        self._sent = CrazyflieCommand((0.0, 0.0, 0.0), 0.0)
        logging.getLogger("cflib").setLevel(logging.CRITICAL)  # what it reports as errors is raised or told here

    def open(self) -> None:
        """Connect: tables, parameters, log blocks. Takes up to `connect_s`; raises LinkLost with what was wrong."""
        until_s = time.monotonic() + self.settings.connect_s
        for _ in range(ATTEMPTS):  # a radio link that breaks at the first packet may hold at the second
            if self._connect(until_s - time.monotonic()):
                return
        raise LinkLost(self._link_trouble)

    def reconnect(self) -> bool:
        """Try once to connect again; takes up to `connect_s`. True when connected."""
        return self._connect(self.settings.connect_s)

    def _connect(self, limit_s: float) -> bool:
        uri = self.settings.uri
        self.close()
        use_repeating_links()
        cf = cflib.crazyflie.Crazyflie()
        answered = threading.Event()
        troubles: list[str] = []

        def failed(_: str, text: str) -> None:
            troubles.append(text)
            answered.set()
            if self._cf is cf:
                self._link_trouble = f"{uri}: the link is gone ({first_line(text)}). Check power and distance."

        cf.fully_connected.add_callback(lambda _: answered.set())
        cf.connection_failed.add_callback(failed)
        cf.connection_lost.add_callback(failed)
        self._app_packets.clear()
        cf.appchannel.packet_received.add_callback(lambda data: self._app_packets.append(bytes(data)))
        cf.open_link(uri)
        in_time = answered.wait(limit_s)
        self._cf = cf
        if troubles or not in_time:
            why = first_line(troubles[0]) if troubles else f"no complete answer within {limit_s:.0f} s"
            self.close()
            self._link_trouble = f"{uri}: cannot connect ({why}). Is the Crazyflie on, and the address right?"
            return False
        self._logs, self._opened_s, self._link_trouble = Logs(cf, self._clock), self._clock.now(), ""
        self.firmware = ask_version(cf)
        missing = [
            name for name in (*POSITION, *ATTITUDE, *RATE, *HEALTH, *ACCELERATION, *self.extra) if not self.logs(name)
        ]
        if missing:
            of_app = missing[0] in self.extra
            why = f"{uri}: its firmware{self.firmware and f', {self.firmware},'} does not log {missing[0]}"
            if of_app:
                why += ", a variable of the app: robot export --to crazyflie, build, robot flash"
            if of_app and (old := too_old(self.firmware)):
                why = f"{uri}: {old}"
            self.close()
            self._link_trouble = why
            return False
        for names in (POSITION, ATTITUDE, RATE, self.extra):
            self._logs.start(names, self.log_period_ms)
        self._logs.start(HEALTH, HEALTH_PERIOD_MS)
        self._logs.start(ACCELERATION, ACCELERATION_PERIOD_MS)
        return True

    def read(self) -> CrazyflieReading:
        """The newest values with their ages. Never blocks. Raises LinkLost."""
        self._connected()
        assert self._logs is not None
        now = self._clock.now()
        position, attitude, rate, health = (self._logs.newest(names[0]) for names in (POSITION, ATTITUDE, RATE, HEALTH))
        extra = self._logs.newest_of(self.extra)
        felt = self._logs.recent(ACCELERATION[0])
        x, y, z, v_x, v_y, v_z = (position.values.get(name, 0.0) for name in POSITION)
        q_w, q_x, q_y, q_z, battery, power, supervisor = (attitude.values.get(name, 0.0) for name in ATTITUDE)
        return CrazyflieReading(
            (x, y, z), (v_x, v_y, v_z), (q_w, q_x, q_y, q_z) if attitude.values else (1.0, 0.0, 0.0, 0.0),
            tuple(math.radians(rate.values.get(name, 0.0)) for name in RATE),  # type: ignore[arg-type]
            battery, int(power) & 0xFF, int(supervisor), tuple(health.values.get(name, 0.0) for name in HEALTH),  # type: ignore[arg-type]
            max((math.dist((0.0, 0.0, 0.0), each.values.values()) for each in felt), default=0.0),
            extra.values, position.board_time_s, extra.board_time_s,
            now - position.arrived_s, now - attitude.arrived_s, now - rate.arrived_s, now - health.arrived_s,
            now - (felt[-1].arrived_s if felt else -NEVER_S),
        )  # fmt: skip

    def write(self, position_m: Vector, yaw_rad: float) -> CrazyflieCommand:
        """Send a set-point, world, within the box; returns what was sent. Raises LinkLost.

        What is not finite is refused: nothing is sent, and the drone's watchdogs count on.
        """
        cf = self._connected()
        if not all(map(math.isfinite, (*position_m, yaw_rad))):
            self._refusal = f"{self.settings.uri}: refused set-point {position_m} m, {yaw_rad} rad"
            return CrazyflieCommand(self._sent.position_m, self._sent.yaw_rad, refused=True)
        self._refusal = ""
        x, y, z = within_box(position_m, self.settings.reach_m, self.settings.height_max_m)
        self._sent = CrazyflieCommand((x, y, z), yaw_rad)
        cf.commander.send_position_setpoint(x, y, z, math.degrees(yaw_rad))
        return self._sent

    def write_rates(self, rate_rad_s: Vector, thrust: float) -> None:
        """Send angular rates, body, and the rotors' thrust as a share of its greatest, for the rate controller on board.

        Raises LinkLost. What is not finite is refused as by `write`; thrust is kept within what the packet can say.
        """
        cf = self._connected()
        if not all(map(math.isfinite, (*rate_rad_s, thrust))):
            self._refusal = f"{self.settings.uri}: refused rates {rate_rad_s} rad/s, thrust {thrust}"
            return
        self._refusal = ""
        roll, pitch, yaw = map(math.degrees, rate_rad_s)
        percent = 100.0 * (THRUST_FULL * thrust - THRUST_LOW) / (THRUST_HIGH - THRUST_LOW)
        cf.commander.send_setpoint_manual(roll, pitch, yaw, min(100.0, max(0.0, percent)), rate=True)

    def app_packets(self, most: int) -> list[bytes]:
        """The oldest packets of the app on board that nobody has taken yet."""
        return [self._app_packets.popleft() for _ in range(min(most, len(self._app_packets)))]

    def send_app_packet(self, data: bytes) -> None:
        """Send a packet of up to APP_BYTES to the app on board, without waiting; it may be lost. Raises ValueError, LinkLost."""
        if not 0 < len(data) <= APP_BYTES:
            raise ValueError(f"packet of an app: found {len(data)} bytes, allowed: 1 to {APP_BYTES}")
        self._connected().appchannel.send_packet(data)

    def watch(self, names: tuple[str, ...], period_ms: int) -> None:
        """From now on these are logged beside what `read` tells: see `seen`. Raises ValueError as `also_log`, LinkLost."""
        for name in names:
            if not self.logs(name):
                raise ValueError(f"{self.settings.uri}: its firmware does not log {name}")
        assert self._logs is not None
        self._logs.start(names, period_ms)

    def seen(self, name: str) -> list[Logged]:
        """The newest arrivals, the oldest first, of the block that begins with a variable that is watched."""
        self._connected()
        assert self._logs is not None
        return self._logs.recent(name)

    def logs(self, name: str) -> bool:
        """Whether the connected drone has a log variable of this name, `group.name`."""
        self._connected()
        assert self._logs is not None
        return self._logs.has(name)

    def also_log(self, names: tuple[str, ...]) -> None:
        """From now on `CrazyflieReading.extra` has these too. Raises ValueError for one that the firmware does not log."""
        for name in names:
            if not self.logs(name):
                raise ValueError(f"{self.settings.uri}: its firmware does not log {name}")
        assert self._logs is not None
        self.extra += names
        self._logs.start(names, self.log_period_ms)

    def device_type(self) -> str:
        """What the drone calls itself, "CF21" or the like; empty if it does not answer. Waits for up to a second."""
        return ask_device_type(self._connected())

    def has_parameter(self, name: str) -> bool:
        """Whether the connected drone has a parameter of this name, `group.name`."""
        return self._connected().param.toc.get_element(*name.split(".")) is not None

    def parameter(self, name: str) -> float:
        """The value that the drone reported last. Raises ValueError for a parameter that it does not have."""
        if not self.has_parameter(name):
            raise ValueError(f"{self.settings.uri}: its firmware has no parameter {name}")
        return float(self._connected().param.get_value(name))

    def ask_parameter(self, name: str) -> None:
        """Ask for a parameter that the drone may have changed by itself, without waiting. Raises ValueError, LinkLost."""
        if not self.has_parameter(name):
            raise ValueError(f"{self.settings.uri}: its firmware has no parameter {name}")
        self._connected().param.request_param_update(name)

    def set_parameter(self, name: str, value: float) -> None:
        """Ask for a new value, without waiting: `parameter` tells it when the drone has it. Raises ValueError, LinkLost."""
        if not self.has_parameter(name):
            raise ValueError(f"{self.settings.uri}: its firmware has no parameter {name}")
        self._connected().param.set_value(name, value)

    def arm(self, on: bool) -> None:
        """Ask for the motors to be armed or disarmed, without waiting: `read().supervisor` tells. Raises LinkLost."""
        self._connected().supervisor.send_arming_request(on)

    def land(self, ground_m: float = 0.0) -> None:
        """Tell the drone to come down where it is by itself: it goes on if the link is lost. Raises LinkLost.

        With an app on board that can, until it stands. Otherwise by the firmware's planner, to the ground's height, which
        stops the motors when the time is up, wherever the drone is. The planner's set-points are listened to once those
        that were streamed lose their priority; it is told first, because without a plan it would stop the motors. That
        packet has no answer, so it is sent more than once.
        """
        cf = self._connected()
        if self.has_parameter(GUARD):
            self.set_parameter(GUARD, 2)
            return
        height_m = self.read().position_m[2] - ground_m
        cf.high_level_commander.land(ground_m, max(LANDING_S, height_m / self.settings.landing_m_s))
        for _ in range(3):
            cf.commander.send_notify_setpoint_stop()

    def send_pose(self, position_m: Vector, attitude: tuple[float, float, float, float] | None) -> None:
        """Tell the estimator where the drone is, m, and how it is turned: quaternion x, y, z, w. Raises LinkLost."""
        cf = self._connected()
        if attitude is None:
            cf.extpos.send_extpos(*position_m)
        else:
            cf.extpos.send_extpose(*position_m, *attitude)

    def cut(self) -> None:
        """Stop the motors now: a drone in the air falls. Raises LinkLost."""
        self._connected().commander.send_stop_setpoint()

    def stop(self) -> None:
        """Land by the firmware's own means, or stay on the ground. Never raises."""
        with suppress(LinkLost):
            if self.read().supervisor & IS_FLYING:
                self.land()

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        uri = self.settings.uri
        if self._link_trouble or self._refusal:
            return self._link_trouble or self._refusal
        try:
            reading = self.read()
        except LinkLost as error:  # cflib's thread has just noticed
            return str(error)
        waited_s = self._clock.now() - self._opened_s
        if min(waited_s, max(reading.position_age_s, reading.attitude_age_s, reading.rate_age_s)) > SILENCE_S:
            return f"{uri}: no log data for {SILENCE_S} s"
        for bit, text in (
            (IS_TUMBLED, "has tumbled"),
            (IS_CRASHED, "has crashed"),
            (IS_LOCKED, "is locked: restart it"),
        ):
            if reading.supervisor & bit:
                return f"{uri}: the drone {text}"
        if math.isfinite(reading.attitude_age_s) and not reading.battery_v >= LOW_BATTERY_V:
            return f"{uri}: battery at {reading.battery_v:.2f} V"
        return ""

    def close(self) -> None:
        """Release the link; the motors stay as they are. Never raises."""
        cf, self._cf = self._cf, None
        self._link_trouble = f"{self.settings.uri}: not open"
        if cf is None:
            return
        cf.commander.send_setpoint = lambda *_: None  # by which cflib would stop the motors of a drone that is landing
        with suppress(OSError, RuntimeError):  # the dongle is gone already
            cf.close_link()

    def _connected(self) -> cflib.crazyflie.Crazyflie:
        if self._cf is not None and self._cf.link is None and not self._link_trouble:  # cflib is about to tell why
            raise LinkLost(f"{self.settings.uri}: the link is gone")
        if self._cf is None or self._link_trouble:
            raise LinkLost(self._link_trouble)
        return self._cf


def first_line(text: str) -> str:
    """cflib's messages end in a traceback; the line before it says what happened."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("File", "Traceback", "raise", "^"))]
    return told[0].rstrip(":") if told else "no reason given"


DRIVER = Declared(
    "crazyflie", "Crazyflie 2.x and Brushless, by radio, USB or UDP", CrazyflieSettings, Crazyflie, CrazyflieReading
)
