"""What a drone on the ground tells: who it is, how its battery, IMU, estimator and propellers are. Nothing but the propeller
test moves.
"""

import math
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Any

import cflib.crtp
import numpy as np

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie
from drivers.crazyflie_firmware import too_old
from drivers.crazyflie_reading import CrazyflieReading
from robot.commissioning.steps import Found, SetupError
from robot.commissioning.values import Value, judged
from robot.robots.quadrotor.fitness import FRESH_S, REST_V, Standing, battery_at_rest, unfit_at_rest
from robot.robots.quadrotor.setup_drone.kinds_of_drone import DECKS, TYPES
from robot.runtime.clock import Clock

RADIO, USUAL = (
    "radio://",
    ("0", "2", "2M", "E7E7E7E7E7"),
)  # dongle, channel, rate, address, where an address leaves them out
TICK_S = 0.02
HEARD_S = 3.0  # for the first log data
WATCHED_S = 4.0  # at rest
STEADY_S = 10.0  # for the estimator to settle
ACC = ("acc.x", "acc.y", "acc.z")
VARIANCES = tuple(f"health.motorVar{axis}M{motor}" for motor in range(1, 5) for axis in "XY")
PROPELLER_TEST, BATTERY_TEST = "health.startPropTest", "health.startBatTest"
TESTS = ("health.motorPass", "health.motorTestCount", "health.batterySag", "health.batteryPass")
TEST_S = 12.0
STILL_RAD_S = 0.1  # a drone that turns faster is being carried
BIAS_MAX_RAD_S = 0.1  # of the gyro, after the firmware's own calibration
LEVEL_MAX_RAD = math.radians(6.0)  # of floor and IMU together
LEANS_RAD = 0.008  # an accelerometer that is further off leads its estimator astray; data sheet of the BMI088: 20 mg
ASTRAY_COS = 0.8  # of the angle between what it feels and where it thinks that it goes
VARIANCE_MAX = 2.5  # of a propeller that is in balance, where the platform does not say otherwise
SAG_MAX_V = 1.2

Tell = Callable[[float, str], None]


def find_uri(asked: str, scan: Callable[[str], list[str]] | None = None) -> str:
    """The drone's address: the one asked for where that is no radio's, or the one drone that answers. Raises SetupError."""
    if not asked.startswith(RADIO):
        return asked
    found = [whole(uri) for uri in (scan or scan_radio)(asked)]
    if whole(asked) in found or not found:
        return asked
    if len(found) > 1:
        raise SetupError(f"{asked} does not answer, but {', '.join(found)} do: name one with --uri")
    return found[0]


def whole(uri: str) -> str:
    """A radio's address with all that may be left out of it: cflib's scan leaves out the usual drone's."""
    parts = uri.removeprefix(RADIO).split("/")
    return RADIO + "/".join([*parts, *USUAL[len(parts) :]])


def scan_radio(asked: str) -> list[str]:
    """What answers, on any channel and at any rate, to the address of the one asked for, or else to the usual one; nothing
    without a dongle."""
    cflib.crtp.init_drivers()
    own = whole(asked).rsplit("/", 1)[1]
    for address in dict.fromkeys((own, USUAL[-1])):
        with redirect_stdout(sys.stderr):  # cflib says there what it does not find
            found = cflib.crtp.scan_interfaces(int(address, 16))
        if answers := [uri for uri, _ in found if uri.startswith(RADIO)]:
            return answers
    return []


def wait(drone: Crazyflie, clock: Clock, seconds: float, until: Callable[[], bool]) -> bool:
    """Let ticks pass until something holds; whether it did in time. Raises LinkLost."""
    begin_s = clock.now()
    while not until():
        if clock.now() - begin_s > seconds:
            return False
        clock.sleep_until(clock.now() + TICK_S)
        drone.read()
    return True


def who(drone: Crazyflie, clock: Clock) -> Found:
    """Firmware, type, self-test, decks. Raises SetupError where nothing is heard, or the drone itself says that it is unfit."""
    if not wait(drone, clock, HEARD_S, lambda: drone.read().attitude_age_s < FRESH_S):
        raise SetupError(f"{drone.settings.uri}: it is connected, but sends no data: restart it")
    if drone.has_parameter("system.selftestPassed") and drone.parameter("system.selftestPassed") != 1:
        raise SetupError("its self-test has failed: restart it, lying still; if it fails again, a sensor is broken")
    kind = drone.device_type()
    decks = [
        system
        for name, system in DECKS.items()
        if drone.has_parameter(f"deck.{name}") and drone.parameter(f"deck.{name}")
    ]
    return {
        "uri": drone.settings.uri,
        "firmware": drone.firmware,
        "type": kind,
        "quadrotor": TYPES.get(kind, ""),
        "positioning": decks,
        "flies_policies": too_old(drone.firmware),
    }


def at_rest(drone: Crazyflie, clock: Clock, needs_place: bool, tell: Tell) -> Found:
    """Battery, gyro, level, estimator. needs_place: whether a deck is to tell it where it is. Raises SetupError."""
    drone.also_log(ACC)
    if why := battery_at_rest(drone.read()):
        raise SetupError(why)
    rates, felt, volts, astray = [], [], [], []
    standing, begin_s, fit_s = Standing(), clock.now(), math.inf
    while (elapsed_s := clock.now() - begin_s) < WATCHED_S or (fit_s > elapsed_s and elapsed_s < STEADY_S + WATCHED_S):
        tell(min(1.0, elapsed_s / WATCHED_S), "it lies still, and is watched")
        clock.sleep_until(clock.now() + TICK_S)
        reading = drone.read()
        if standing.take(clock.now(), reading) and not math.isfinite(fit_s):
            fit_s = elapsed_s
        if reading.rate_age_s < FRESH_S and all(name in reading.extra for name in ACC):
            rates.append(reading.rate_rad_s)
            felt.append([reading.extra[name] for name in ACC])
            astray.append(in_its_frame(reading))
            volts.append(reading.battery_v)
    if len(rates) < 20:
        raise SetupError(
            f"{drone.settings.uri}: of gyro and accelerometer next to nothing arrives: move it nearer to the radio"
        )
    if np.abs(np.diff(np.array(rates), axis=0)).max() > 10 * STILL_RAD_S or np.ptp(felt, axis=0).max() > 0.5:
        raise SetupError("it was moved while it was watched: leave it where it lies")
    unsteady = standing.why_not if needs_place and not math.isfinite(fit_s) else ""
    sure = not unfit_at_rest(reading)  # of its velocity: an estimator without a positioning system leans with any floor
    lean = lean_of(np.mean(felt, axis=0), np.mean(astray, axis=0)) if sure else ""
    if unsteady and not lean:
        raise SetupError(unsteady)
    gyro, gyro_sigma = np.mean(rates, axis=0), np.std(rates, axis=0) / math.sqrt(len(rates) / 10.0)
    x, y, z = np.mean(felt, axis=0)
    sigma = np.std(felt, axis=0) / math.sqrt(len(felt) / 10.0)
    values = [
        *(judged(f"gyro_bias_{axis}_rad_s", float(gyro[k]), 3.0 * float(gyro_sigma[k]) + 0.002, (-BIAS_MAX_RAD_S, BIAS_MAX_RAD_S),
                 0.02, "gyros at rest") for k, axis in enumerate("xyz")),
        judged("level_roll_rad", math.atan2(y, z), 3.0 * float(sigma[1]) + 0.005, (-LEVEL_MAX_RAD, LEVEL_MAX_RAD), 0.03,
               "drones on a level floor"),
        judged("level_pitch_rad", math.atan2(-x, z), 3.0 * float(sigma[0]) + 0.005, (-LEVEL_MAX_RAD, LEVEL_MAX_RAD), 0.03,
               "drones on a level floor"),
        judged("battery_v", float(np.mean(volts)), 0.03, (REST_V, 4.3), 0.1, "cells at rest"),
    ]  # fmt: skip
    variance = [float(each) for each in drone.read().velocity_variance]
    return {
        "values": [asdict(value) for value in values],
        "velocity_variance": variance,
        "settled_s": fit_s if math.isfinite(fit_s) else None,
        "unsteady": lean if unsteady else "",
    }


def in_its_frame(reading: CrazyflieReading) -> tuple[float, float]:
    """The velocity that it estimates, forward and to its left, m/s, of a drone that lies about level."""
    w, x, y, z = reading.attitude
    yaw = math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    east, north, _ = reading.velocity_m_s
    return math.cos(yaw) * east + math.sin(yaw) * north, math.cos(yaw) * north - math.sin(yaw) * east


def lean_of(felt_g: np.ndarray, astray_m_s: np.ndarray) -> str:
    """What to do about an accelerometer that leans, and drags the estimate of a drone at rest the same way; empty where it does not.

    felt_g: (3,), at rest. astray_m_s: (2,), the velocity that it estimates meanwhile, in its own frame.
    """
    lean = math.hypot(felt_g[0], felt_g[1]) / abs(felt_g[2])
    along = float(felt_g[:2] @ astray_m_s)
    speed_m_s = math.hypot(*astray_m_s)
    if lean < LEANS_RAD or not speed_m_s > 0.0 or along < ASTRAY_COS * math.hypot(*felt_g[:2]) * speed_m_s:
        return ""
    roll, pitch = (math.degrees(math.atan2(felt_g[axis], felt_g[2])) for axis in (1, 0))
    return (
        f"its accelerometer leans by {math.degrees(lean):.1f} degrees, and its estimate with it: at rest it thinks that it goes at "
        f"{speed_m_s:.2f} m/s. On a level floor, add {roll:+.1f} to Roll Trim and {pitch:+.1f} to Pitch Trim of cfclient "
        "(Connect, Configure 2.x), and restart it"
    )


def tests_of_itself(drone: Crazyflie, clock: Clock, tell: Tell) -> Found:
    """The firmware's own propeller and battery tests. Raises SetupError for one that it does not carry out."""
    if not all(drone.has_parameter(name) for name in (PROPELLER_TEST, BATTERY_TEST)) or not all(
        map(drone.logs, VARIANCES)
    ):
        raise SetupError(f"firmware {drone.firmware} does not test its propellers: update it with cfclient")
    drone.also_log(VARIANCES)
    drone.also_log(TESTS)
    wait(drone, clock, HEARD_S, lambda: "health.motorTestCount" in drone.read().extra)
    before = drone.read().extra.get("health.motorTestCount", 0.0)
    tell(0.1, "each propeller turns for a moment")
    drone.set_parameter(PROPELLER_TEST, 1)
    if not wait(drone, clock, TEST_S, lambda: drone.read().extra.get("health.motorTestCount", before) != before):
        raise SetupError("it does not carry out its propeller test: put it upright on a firm floor, and leave it alone")
    tell(0.7, "all propellers turn for a moment, to load the battery")
    drone.set_parameter(BATTERY_TEST, 1)
    if not wait(drone, clock, TEST_S, lambda: drone.read().extra.get("health.batterySag", 0.0) > 0.0):
        raise SetupError("it does not carry out its battery test: put it upright on a firm floor, and leave it alone")
    wait(drone, clock, 0.3, lambda: False)
    return {"values": [asdict(value) for value in values_of_tests(drone.read().extra)]}


def values_of_tests(told: dict[str, float]) -> list[Value]:
    """Each propeller's variance, refused where its own test did not pass; and how far the battery falls."""
    passed, values = int(told["health.motorPass"]), []
    for k in range(4):
        x, y = (told[f"health.motorVar{axis}M{k + 1}"] for axis in "XY")
        value = judged(
            f"propeller_{k + 1}",
            0.5 * (x + y),
            0.35 * (x + y) / 2.0 + 0.05,
            (0.0, VARIANCE_MAX),
            10.0,
            "propellers in balance",
        )
        if not passed >> k & 1 and not value.refused:
            value = Value(value.name, value.value, value.low, value.high, "its own test did not pass")
        values.append(value)
    sag = judged("battery_sag_v", told["health.batterySag"], 0.05, (0.02, SAG_MAX_V), 0.2, "cells under load")
    if not told["health.batteryPass"] and not sag.refused:
        sag = Value(
            sag.name, sag.value, sag.low, sag.high, "its own test did not pass: the battery is worn, or its plug is"
        )
    return [*values, sag]


def wrong_propellers(values: list[Value]) -> list[str]:
    """For people."""
    return [
        f"{value.name} ({value.refused})" for value in values if value.name.startswith("propeller") and value.refused
    ]


def connect(drone: Crazyflie) -> None:
    """Raises SetupError with what to do about it."""
    try:
        drone.open()
    except LinkLost as error:
        raise SetupError(str(error)) from error


def as_values(found: dict[str, Any]) -> list[Value]:
    """All that the steps measured."""
    return [Value(**value) for each in found.values() for value in each.get("values", [])]
