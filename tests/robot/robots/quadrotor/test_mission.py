"""Missions on a drone that does as it is told, at once and in no time: how each of them ends."""

import itertools
import math
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from drivers.base import LinkLost
from drivers.crazyflie_reading import (
    BATTERY_LOW,
    CAN_FLY,
    CHARGING,
    ESTIMATOR_PARAMETER,
    GUARD,
    IS_ARMED,
    IS_FLYING,
    IS_TUMBLED,
    CrazyflieCommand,
    CrazyflieReading,
)
from drivers.reading_record import fill_text
from firmware_export.agreed import policy_id, policy_sha256
from policies.policy_file import load_policy
from robot.logs.reader import LogReader
from robot.robots.quadrotor.app_words import (
    ACTIVE,
    ARM,
    CONTROLLER,
    DECISIONS,
    DOWN,
    FAULT,
    IDENTITY,
    LANDING_CAUSE,
    LANDING_PHASE,
    LAP,
    SELF_TEST,
)
from robot.robots.quadrotor.devices import CrazyflieDevice
from robot.robots.quadrotor.figures import STEPS, FigureOfEight, HoverAtPoints, eased
from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.flown import Flag, Phase, Place, Reason
from robot.robots.quadrotor.mission import LANDED_M, Mission
from robot.robots.quadrotor.mission_plot import read_flight
from robot.robots.quadrotor.setup import FlightOptions, FlightSetup
from robot.runtime.clock import ReplayClock
from robot.safety.supervisor import Mode
from sim.quadrotor.model import load_parameters
from tests.robot.robots.quadrotor.test_witness import packets_of

POLICIES = Path(__file__).parents[3] / "recordings" / "policies"
HOVER, TRACK = (load_policy(POLICIES / f"{task}.npz") for task in ("hover", "track_trajectory"))
REACH_M = 2.0
TICK_S = 0.02


class EasyDrone:
    """Is where its set-point is, comes down at 0.5 m/s, and keeps a list of what it was told."""

    def __init__(self) -> None:
        self.clock = ReplayClock()
        self.place = np.array([0.3, -0.2, 0.01])
        self.parameters = {
            ARM: 0.0,
            SELF_TEST: 1.0,
            IDENTITY: float(policy_id(policy_sha256(HOVER))),
            LAP: 0.0,
            CONTROLLER: 6.0,
            GUARD: 0.0,
            ESTIMATOR_PARAMETER: 2.0,
            "stabilizer.controller": 1.0,
        }
        self.firmware = "2026.08"
        self.volts, self.power, self.variance = 4.0, 0, 5e-4
        self.by_itself = 0  # why it lands by itself
        self.stops_at_m = 0.01
        self.drift_m_s = 0.0
        self.felt: dict = {"jolt_g": 1.0}  # and whatever else its readings say
        self.told: list[str] = []
        self.packets: list[bytes] = []  # of the app on board
        self.armed = self.landing = False
        self.silent_from_s = self.gone_from_s = math.inf
        self.hurt = self.fault = 0
        self.armed_s = 0.0

    def open(self) -> None: ...

    close = open

    def read(self) -> CrazyflieReading:
        now = self.clock.now()
        if now >= self.gone_from_s:
            raise LinkLost("the link is gone")
        if self.landing or self.by_itself:
            self.place[2] = max(self.stops_at_m, self.place[2] - 0.5 * TICK_S)
        down = (self.landing or self.by_itself) and self.place[2] <= self.stops_at_m
        if down:
            self.parameters[ARM] = 0.0
        flying = IS_FLYING if self.armed and not down and self.place[2] > 0.05 else 0
        age_s = 0.01 + max(0.0, now - self.silent_from_s)
        active = self.parameters.get(ARM) == 1 and not self.fault
        decided = math.floor((now - self.armed_s) * 100.0) + 1 if active else 0
        x, y, z = self.place + (self.drift_m_s * now, 0.0, 0.0)
        phase = DOWN if down else 1 if self.landing or self.by_itself else 0
        return CrazyflieReading(
            (x, y, z), battery_v=self.volts, power_state=self.power, velocity_variance=(self.variance,) * 3, supervisor=CAN_FLY | IS_ARMED * self.armed | flying | self.hurt,
            extra={ACTIVE: float(active), FAULT: float(self.fault), DECISIONS: 7.0 + decided,
                   LANDING_PHASE: float(phase), LANDING_CAUSE: float(self.by_itself)},
            board_time_s=now - 0.01, extra_time_s=now,
            position_age_s=age_s, attitude_age_s=age_s, rate_age_s=age_s, health_age_s=age_s, jolt_age_s=age_s,
            **self.felt,
        )  # fmt: skip

    def write(self, position_m, yaw_rad) -> CrazyflieCommand:
        assert self.armed, "a set-point before the motors are armed"
        if not self.landing and not self.by_itself:
            self.place = np.array(position_m)
        return CrazyflieCommand(position_m, yaw_rad)

    def app_packets(self, most: int) -> list[bytes]:
        told, self.packets = self.packets[:most], self.packets[most:]
        return told

    def arm(self, on: bool) -> None:
        self.armed = on
        self.told.append("arm" if on else "disarm")

    def land(self, ground_m: float = 0.0) -> None:
        self.landing = True
        self.told.append("land")

    def cut(self) -> None:
        assert not self.armed or self.place[2] < 0.1, "the motors stop in the air"

    def stop(self) -> None:
        self.told.append("stop")

    def trouble(self) -> str:
        return "the drone has tumbled" if self.hurt else ""

    def has_parameter(self, name: str) -> bool:
        return name in self.parameters

    def parameter(self, name: str) -> float:
        return self.parameters[name]

    def set_parameter(self, name: str, value: float) -> None:
        self.parameters[name] = value
        if name == ARM and value == 1:
            self.armed_s = self.clock.now()


def setup(policy=HOVER, **options) -> FlightSetup:
    told = FlightOptions("board", REACH_M, height_max_m=2.0)
    return FlightSetup(policy, load_parameters(), replace(told, **options), STEPS)


@pytest.fixture
def flight(tmp_path: Path):
    """Flies one mission; `at` is called with each phase's name when it begins, and may spoil it."""

    def fly(drone: EasyDrone, at=lambda flight, phase, share: None, task=HOVER, truth=None, devices=None, **options):
        def show(phase: Phase, share: float) -> None:
            at(one, phase, share)

        everything = {"crazyflie": CrazyflieDevice(drone), **(devices or {})}  # type: ignore[arg-type]
        one = Flight(setup(task, **options), everything, drone.clock, truth, show)
        flown = one.fly(tmp_path / "log.mcap")
        log = LogReader(tmp_path).contents()
        figures = log.outputs["figures"]
        told = SimpleNamespace(outputs=log.outputs, phase=log.outputs["phase"], goal_m=figures["goal_m"],
                               set_point_m=figures["set_point_m"], flight=read_flight(tmp_path))  # fmt: skip
        return flown, told, log.events

    return fly


def test_a_flight_without_trouble_goes_through_every_phase_and_lands(flight):
    drone = EasyDrone()
    flown, log, events = flight(drone)
    assert flown.landed
    assert flown.trouble == ""
    assert flown.position_error_m < 0.02
    assert sorted(set(log.phase)) == list(Phase)
    assert np.all(np.diff(log.phase.astype(int)) >= 0)
    assert drone.told[0] == "arm"
    assert drone.told.count("land") == 1
    assert drone.told[-2:] == ["disarm", "stop"]
    assert drone.parameters[ARM] == 0
    assert set(log.outputs["mode"]) == {Mode.RUN} and set(log.outputs["reason"]) == {Reason.NONE}
    kinds = ["start", "armed", "take_off", "policy", "hand_over", "hand_back", "landing", "touch_down", "end", "result"]
    assert [event["kind"] for event in events] == kinds


def test_set_points_never_jump_and_are_sent_at_every_tick_in_the_air(flight):
    _, log, _ = flight(EasyDrone())
    in_the_air = (log.phase > Phase.GROUND) & (log.phase < Phase.LANDING)
    sent = log.set_point_m[in_the_air]
    assert np.isfinite(sent).all()
    assert np.abs(np.diff(sent, axis=0)).max() < 0.02, "1 m/s"
    assert np.diff(log.flight.time_s[in_the_air]).max() < 0.021


def test_a_policy_that_gives_back_ends_the_flight_with_its_reason(flight):
    drone = EasyDrone()

    def spoil(mission, phase, share):
        drone.fault = 5 if phase == Phase.POLICY and share > 0.5 else drone.fault

    flown, log, _ = flight(drone, spoil)
    assert (log.outputs["mode"][-1], log.outputs["reason"][-1]) == (Mode.STOP, Reason.REFUSED)
    assert Flag.REFUSED in log.outputs["flags"]
    assert flown.trouble == "the policy gave the rotors back: tilted too far"
    assert flown.landed
    assert len(flown.errors_m) > 100


@pytest.mark.parametrize("flipped", [0, 1])
def test_decisions_that_are_told_are_checked_and_one_that_the_weights_do_not_give_ends_the_flight(flight, flipped):
    drone, once = EasyDrone(), []

    def tell(mission, phase, share):
        if phase == Phase.POLICY and share > 0.3 and not once:
            once.append(share)
            drone.packets = packets_of(HOVER, 50, flipped)

    flown, log, _ = flight(drone, tell)
    checked = int(log.outputs["figures"]["decisions_checked"][-1])
    assert (checked == 0) == bool(flipped)
    assert flown.trouble == flipped * "the policy on board decides otherwise than its weights say, in decision 50"
    assert flown.landed
    assert log.outputs["is_decision"].sum() == 1


def test_a_policy_that_refuses_is_not_waited_for(flight):
    drone = EasyDrone()
    drone.fault = 1
    flown, _log, _ = flight(drone)
    assert "self-test" in flown.trouble
    assert flown.landed
    assert flown.position_error_m is None


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        (SELF_TEST, 0.0, "self-test"),
        (IDENTITY, 1.0, f"is 00000001, this run's is {policy_id(policy_sha256(HOVER)):08x}"),
        (ARM, None, "no policy on board"),
    ],
)
def test_another_policy_or_a_damaged_one_is_not_even_armed(flight, parameter, value, words):
    drone = EasyDrone()
    drone.parameters[parameter] = value
    if value is None:
        del drone.parameters[parameter]
    flown, log, _ = flight(drone)
    assert words in flown.trouble
    assert "arm" not in drone.told
    assert set(log.phase) == {Phase.GROUND, Phase.END}
    assert not flown.landed


def test_one_that_is_interrupted_on_the_ground_stays_there(flight):
    drone = EasyDrone()

    def interrupt(mission, phase, share):
        mission.interrupted = True

    flown, _log, _ = flight(drone, interrupt)
    assert flown.trouble == "interrupted"
    assert drone.told == ["disarm"] * 5 + ["stop"]


def test_a_mistake_in_the_program_lands_the_drone_before_it_is_told(flight):
    drone = EasyDrone()

    def stumble(mission, phase, share):
        if phase == Phase.POLICY and share > 0.5:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        flight(drone, stumble)
    assert drone.told[-7:] == ["land"] + ["disarm"] * 5 + ["stop"]
    assert drone.place[2] < 0.1


def test_a_figure_that_does_not_fit_is_not_begun(flight):
    drone = EasyDrone()
    drone.place[0] = 1.5
    drone.parameters[IDENTITY] = float(policy_id(policy_sha256(TRACK)))
    flown, _log, _ = flight(drone, task=TRACK)
    assert "no room" in flown.trouble
    assert "arm" not in drone.told


def test_home_is_a_little_aside_where_a_figure_needs_all_the_room(flight):
    """A figure-of-eight reaches 1 m to either side, set-points end at 2 m: one that stands at 1.2 m flies it about 1 m."""
    drone = EasyDrone()
    drone.place[0] = 1.2
    drone.parameters[IDENTITY] = float(policy_id(policy_sha256(TRACK)))
    flown, log, _ = flight(drone, task=TRACK)
    assert flown.landed and flown.trouble == ""
    assert np.nanmax(log.goal_m[:, 0]) == pytest.approx(REACH_M, abs=1e-3)
    assert drone.place[0] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(np.diff(log.set_point_m[(log.phase > 0) & (log.phase < Phase.LANDING)], axis=0)).max() < 0.02


def test_where_the_policy_gives_up_the_drone_flies_home_before_it_lands(flight):
    drone, where = EasyDrone(), []

    def spoil(mission, phase, share):
        if phase == Phase.POLICY and share > 0.5 and not where:
            drone.fault = 5
            where.append(drone.place[:2].copy())

    flown, log, _ = flight(drone, spoil)
    assert flown.landed and np.abs(where[0] - (0.3, -0.2)).max() > 0.2
    assert drone.place[:2] == pytest.approx([0.3, -0.2], abs=1e-3)
    assert np.abs(np.diff(log.set_point_m[log.phase == Phase.HAND_BACK], axis=0)).max() < 0.02


@pytest.mark.parametrize(("speed_m_s", "raised_m"), [(2.7, 0.5), (0.7, 0.0)])
def test_a_drone_that_is_fast_is_told_to_be_higher_when_the_firmware_takes_over(flight, speed_m_s, raised_m):
    """Whose controller begins without its integral, and has to brake besides; home is where it goes all the same."""

    class Slow(EasyDrone):
        def write(self, position_m, yaw_rad):
            self.place = self.place + np.clip(position_m - self.place, -0.02, 0.02)
            return CrazyflieCommand(position_m, yaw_rad)

    drone = Slow()

    def hurry(mission, phase, share):
        drone.felt["velocity_m_s"] = (speed_m_s if phase == Phase.POLICY else 0.0, 0.0, 0.0)

    flown, log, _ = flight(drone, hurry)
    heights_m = log.set_point_m[log.phase == Phase.HAND_BACK][:, 2]
    before_m = log.set_point_m[log.phase == Phase.POLICY][-1, 2]
    assert flown.landed and heights_m[0] == pytest.approx(before_m + raised_m, abs=0.02)
    assert heights_m[-1] == pytest.approx(log.set_point_m[log.phase == Phase.POLICY][0, 2], abs=0.01)


@pytest.mark.parametrize(("aside_m", "waits"), [(0.09, False), (0.15, True)])
def test_it_waits_until_it_is_home_and_not_for_ever(flight, aside_m, waits):
    drone = EasyDrone()

    def hold(mission, phase, share):
        if phase == Phase.HAND_BACK:
            drone.place[0] = 0.3 + aside_m

    flown, log, _ = flight(drone, hold)
    assert flown.landed and drone.place[0] == 0.3 + aside_m
    assert ((log.phase == Phase.HAND_BACK).sum() * TICK_S > 4.0) == waits


@pytest.mark.parametrize("phase", [Phase.TAKE_OFF, Phase.POLICY, Phase.HAND_BACK])
def test_an_interrupted_flight_lands(flight, phase):
    drone = EasyDrone()

    def interrupt(mission, now, share):
        mission.interrupted = mission.interrupted or (now == phase and share > 0.5)

    flown, _log, _ = flight(drone, interrupt)
    assert flown.trouble == "interrupted"
    assert flown.landed
    assert drone.parameters[ARM] == 0


def test_a_drone_that_falls_silent_is_told_to_land_and_not_said_to_have_landed(flight):
    drone = EasyDrone()

    def silence(mission, phase, share):
        if phase == Phase.POLICY and share > 0.3:
            drone.silent_from_s = min(drone.silent_from_s, drone.clock.now())

    flown, _log, _ = flight(drone, silence)
    assert "nothing heard" in flown.trouble
    assert not flown.landed
    assert drone.told.count("land") >= 3


def test_a_lost_link_ends_the_flight_at_once(flight):
    drone = EasyDrone()

    def cut(mission, phase, share):
        if phase == Phase.POLICY and share > 0.3:
            drone.gone_from_s = min(drone.gone_from_s, drone.clock.now() + 0.001)

    flown, log, _ = flight(drone, cut)
    assert flown.trouble == "the link is gone"
    assert (log.outputs["mode"][-1], log.outputs["reason"][-1]) == (Mode.EMERGENCY_STOP, Reason.LINK_LOST)
    assert not flown.landed
    assert drone.told[-1] == "stop"


def test_a_tumbled_drone_is_no_landed_one(flight):
    drone = EasyDrone()

    def tumble(mission, phase, share):
        drone.hurt = IS_TUMBLED if phase >= Phase.POLICY else 0

    flown, _, _ = flight(drone, tumble)
    assert "tumbled" in flown.trouble
    assert not flown.landed


def test_an_estimate_that_wanders_is_not_taken_off_with(flight):
    drone = EasyDrone()
    rng = np.random.default_rng(0)

    def shake(mission, phase, share):
        drone.place[:2] = rng.normal(0.0, 0.1, 2)

    flown, _, _ = flight(drone, shake)
    assert "no quiet position estimate" in flown.trouble
    assert "arm" not in drone.told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"volts": 3.05}, "battery at 3.05 V, allowed: at least 3.5 V"),
        ({"volts": math.nan}, "battery at nan V"),
        ({"power": CHARGING}, "charger"),
        ({"variance": 0.3}, "does not know its velocity"),
        ({"drift_m_s": 0.08}, "no quiet position estimate"),
        ({"firmware": "2025.09.1"}, "firmware 2025.09.1 forgets the forces"),
    ],
)
def test_a_drone_that_is_not_fit_stays_on_the_ground(flight, change, words):
    drone = EasyDrone()
    vars(drone).update(change)
    flown, _, _ = flight(drone)
    assert words in flown.trouble
    assert "arm" not in drone.told
    assert (flown.took_off, flown.landed) == (False, False)


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [(GUARD, None, "older version, which does not land by itself"), (ESTIMATOR_PARAMETER, 1.0, "does not know where")],
)
def test_without_a_landing_of_its_own_or_positioning_it_is_not_armed(flight, parameter, value, words):
    drone = EasyDrone()
    drone.parameters[parameter] = value
    if value is None:
        del drone.parameters[parameter]
    flown, _, _ = flight(drone)
    assert words in flown.trouble
    assert "arm" not in drone.told


def test_it_is_guarded_in_the_air_and_not_afterwards(flight):
    drone = EasyDrone()
    guards = set()

    def look(mission, phase, share):
        if Phase.TAKE_OFF <= phase < Phase.LANDING:
            guards.add(drone.parameters[GUARD])

    flight(drone, look)
    assert guards == {1}
    assert drone.parameters[GUARD] == 0


def test_a_guard_that_is_lost_ends_the_flight(flight):
    drone = EasyDrone()

    def lose(mission, phase, share):
        if phase == Phase.POLICY and share > 0.3:
            drone.parameters[GUARD] = 0

    flown, _, _ = flight(drone, lose)
    assert "would not land by itself" in flown.trouble
    assert flown.landed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"volts": 2.9}, "battery at 2.90 V"),
        ({"power": BATTERY_LOW}, "battery at"),
        ({"variance": 0.2}, "lost the drone"),
        ({"by_itself": 2}, "lands by itself: no more set-points"),
        ({"by_itself": 3}, "lands by itself: its battery is low"),
    ],
)
def test_what_goes_wrong_in_the_air_ends_in_a_landing(flight, change, words):
    drone = EasyDrone()

    def spoil(mission, phase, share):
        if phase == Phase.POLICY and share > 0.3:
            vars(drone).update(change)

    flown, _, _ = flight(drone, spoil)
    assert words in flown.trouble
    assert flown.landed
    assert flown.took_off


def test_motors_that_stop_above_the_ground_are_no_landing_and_the_figures_are_kept(flight):
    drone = EasyDrone()
    drone.stops_at_m = 0.43
    flown, log, events = flight(drone)
    assert flown.landed is False
    assert "disarm" not in drone.told
    assert "0.42 m above the ground" in flown.trouble
    assert flown.position_error_m < 0.02
    assert events[-1]["landed"] is False
    assert log.flight.position_m[-1, 2] > LANDED_M


@pytest.mark.parametrize(
    ("felt", "words"),
    [
        ({"jolt_g": 14.0}, "a jolt of 14.0 g"),
        ({"velocity_m_s": (0.0, 0.0, -3.1)}, "it came down at 3.1 m/s"),
    ],
)
def test_a_crash_landing_is_no_landing_and_the_motors_of_what_is_at_rest_are_stopped(flight, felt, words):
    drone = EasyDrone()

    def crash(mission, phase, share):
        touches = phase == Phase.LANDING and 0.05 < drone.place[2] < 0.1
        drone.felt = {"jolt_g": 1.0} | (felt if touches else {})

    flown, _, events = flight(drone, crash)
    assert words in flown.trouble
    assert not flown.landed
    assert drone.told[-2:] == ["disarm", "stop"]
    assert any(event["kind"] == "touch_down" for event in events)


def test_a_drone_that_lies_on_its_side_has_not_landed(flight):
    drone = EasyDrone()

    def tip(mission, phase, share):
        drone.felt = {"jolt_g": 1.0} | ({"attitude": (0.7, 0.7, 0.0, 0.0)} if phase == Phase.LANDING else {})

    flown, _, _ = flight(drone, tip)
    assert "it lies, tilted by" in flown.trouble
    assert not flown.landed
    assert "disarm" in drone.told


def test_a_log_that_cannot_be_written_lands_the_drone(tmp_path):
    drone = EasyDrone()
    one = Flight(setup(), {"crazyflie": CrazyflieDevice(drone)}, drone.clock, show=lambda phase, share: spoil())  # type: ignore[arg-type]
    written = []

    def spoil() -> None:
        if not written:
            one.log._log.add_outputs = fail_later

    def fail_later(records) -> None:
        written.append(records)
        if len(written) > 500:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*log\.mcap'"):
        one.fly(tmp_path / "log.mcap")
    assert one.flown.trouble == "the log cannot be written: No space left on device"
    assert one.flown.landed
    assert len(written) == 501


def test_a_disk_that_fills_up_in_flight_is_told_after_the_landing(tmp_path):
    drone = EasyDrone()

    def fill(phase: Phase, share: float) -> None:
        if phase == Phase.TAKE_OFF and share > 0.5:
            os.dup2(full, one.log._log._file.fileno())

    one = Flight(setup(), {"crazyflie": CrazyflieDevice(drone)}, drone.clock, show=fill)  # type: ignore[arg-type]
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match=r"No space left on device: '.*log\.mcap'"):
        one.fly(tmp_path / "log.mcap")
    os.close(full)
    assert one.flown.landed
    assert "the log cannot be written" in one.flown.trouble
    assert drone.told[-1] == "stop"


def test_a_log_is_never_written_over(tmp_path):
    (tmp_path / "log.mcap").touch()
    drone = EasyDrone()
    with pytest.raises(FileExistsError, match=r"log\.mcap"):
        Flight(setup(), {"crazyflie": CrazyflieDevice(drone)}, drone.clock).fly(tmp_path / "log.mcap")  # type: ignore[arg-type]
    assert drone.told == []


@pytest.mark.parametrize("where", ["_take_off", "_follow", "_land"])
def test_a_mistake_of_the_mind_lands_the_drone_before_it_is_told(tmp_path, monkeypatch, where):
    drone = EasyDrone()
    good = getattr(Mission, where)

    def bad(self):
        yield from itertools.islice(good(self), 100)
        raise ZeroDivisionError

    monkeypatch.setattr(Mission, where, bad)
    one = Flight(setup(), {"crazyflie": CrazyflieDevice(drone)}, drone.clock)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        one.fly(tmp_path / "log.mcap")
    assert "land" in drone.told
    assert drone.told[-1] == "stop"
    if where != "_land":
        assert drone.place[2] < 0.1
        assert LogReader(tmp_path).outputs()["reason"][-1] == Reason.MISTAKE


@pytest.mark.parametrize("airborne", [False, True])
def test_motion_capture_that_fails_keeps_the_drone_down_or_brings_it_down(flight, airborne):
    class Cameras:
        """A device that says what it is told to."""

        broken = not airborne

        def absent(self, record) -> None: ...

        write = absent

        def read(self, record) -> None:
            fill_text(record["trouble"], "motion capture: no pose" if self.broken else "")

        def stop(self) -> None: ...

    drone, cameras = EasyDrone(), Cameras()
    drone.parameters["kalman.resetEstimation"] = 0.0
    drone.parameters[ESTIMATOR_PARAMETER] = 1.0

    def fail(_flight, phase, share):
        cameras.broken = cameras.broken or (phase == Phase.POLICY and share > 0.3)

    flown, _, _ = flight(drone, fail, devices={"motion_capture": cameras}, motion_capture=True)
    assert flown.trouble == "motion capture: no pose"
    assert flown.landed is airborne
    assert drone.parameters[ESTIMATOR_PARAMETER] == 2


def test_the_path_is_judged_by_the_drones_clock_from_the_step_it_took_over_in(flight):
    """The host hears of everything late; that must not count as an error of the drone."""
    drone = EasyDrone()

    def on_the_path() -> Place:
        late_s = drone.clock.now() - 0.05
        home = np.array([0.3, -0.2, 0.71])
        return Place(late_s, home + FigureOfEight().goal(late_s - drone.armed_s))

    drone.parameters[IDENTITY] = float(policy_id(policy_sha256(TRACK)))
    flown, log, _ = flight(drone, task=TRACK, truth=on_the_path)
    assert flown.position_error_m < 0.01
    assert drone.parameters[LAP] == 5.5
    goals = log.flight.goal_m[np.isfinite(log.flight.goal_m[:, 0])]
    assert np.ptp(goals[:, 0]) == pytest.approx(2.0, abs=0.02)
    np.testing.assert_allclose(goals[-1], [0.3, -0.2, 0.71], atol=0.12)


def test_moves_begin_and_end_at_rest():
    t = np.linspace(0.0, 1.0, 1001)
    x = np.array([eased(share) for share in t])
    assert (x[0], x[-1]) == (0.0, 1.0)
    assert np.abs(np.gradient(x, t))[[0, -1]].max() < 1e-5
    assert (eased(-1.0), eased(2.0)) == (0.0, 1.0)
    figure = HoverAtPoints(STEPS)
    path = np.array([figure.set_point(time_s) for time_s in np.arange(0.0, figure.duration_s, 0.01)])
    assert np.abs(np.diff(path, axis=0)).max() < 0.006
    assert np.ptp(path[:, :2], axis=0).min() == pytest.approx(0.3)
