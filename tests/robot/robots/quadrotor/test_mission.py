"""Missions on a drone that does as it is told, at once and in no time: how each of them ends."""

import math
from pathlib import Path

import numpy as np
import pytest

from drivers.base import LinkLost
from drivers.crazyflie import (
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
    CrazyflieSettings,
)
from robot.robots.quadrotor.figures import FigureOfEight, HoverAtPoints, eased
from robot.robots.quadrotor.flight_log import FlightLog, read_flight
from robot.robots.quadrotor.flown import Phase, Place
from robot.robots.quadrotor.mission import LANDED_M, Mission
from robot.robots.quadrotor.on_board import (
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
    OnBoardPolicy,
)
from robot.runtime.clock import ReplayClock

SHA = "1234abcd" + 56 * "0"
TICK_S = 0.02


class EasyDrone:
    """Is where its set-point is, comes down at 0.5 m/s, and keeps a list of what it was told."""

    def __init__(self) -> None:
        self.clock = ReplayClock()
        self.settings = CrazyflieSettings("udp://nowhere", reach_m=2.0)
        self.place = np.array([0.3, -0.2, 0.01])
        self.parameters = {
            ARM: 0.0,
            SELF_TEST: 1.0,
            IDENTITY: float(0x1234ABCD),
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
        self.armed = self.landing = False
        self.silent_from_s = self.gone_from_s = math.inf
        self.hurt = self.fault = 0
        self.armed_s = 0.0

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


@pytest.fixture
def flight(tmp_path: Path):
    """Flies one mission; `at` is called with each phase's name when it begins, and may spoil it."""

    def fly(drone: EasyDrone, at=lambda mission, phase, share: None, figure=None, lap_s=None, truth=None):
        log = FlightLog(tmp_path / "log.mcap")
        pilot = OnBoardPolicy(SHA, 100.0, lap_s)

        def show(phase: Phase, share: float) -> None:
            at(mission, phase, share)

        mission = Mission(drone, pilot, figure or HoverAtPoints(), drone.clock, log, truth, show)  # type: ignore[arg-type]
        with log:
            flown = mission.fly()
        return flown, *read_flight(tmp_path / "log.mcap")

    return fly


def test_a_flight_without_trouble_goes_through_every_phase_and_lands(flight):
    drone = EasyDrone()
    flown, log, events = flight(drone)
    assert flown.landed
    assert flown.trouble == ""
    assert flown.position_error_m < 0.02
    assert sorted(set(log["phase"])) == list(Phase)
    assert np.all(np.diff(log["phase"].astype(int)) >= 0)
    assert drone.told[0] == "arm"
    assert drone.told.count("land") == 1
    assert drone.told[-2:] == ["disarm", "stop"]
    assert drone.parameters[ARM] == 0
    kinds = ["armed", "take_off", "policy", "hand_over", "hand_back", "landing", "touch_down", "end", "result"]
    assert [event.split(b'"')[3].decode() for event in events] == kinds


def test_set_points_never_jump_and_are_sent_at_every_tick_in_the_air(flight):
    _, log, _ = flight(EasyDrone())
    in_the_air = (log["phase"] > Phase.GROUND) & (log["phase"] < Phase.LANDING)
    sent = log["set_point_m"][in_the_air]
    assert np.isfinite(sent).all()
    assert np.abs(np.diff(sent, axis=0)).max() < 0.02, "1 m/s"
    assert np.diff(log["time_s"][in_the_air]).max() < 0.021


def test_a_policy_that_gives_back_ends_the_flight_with_its_reason(flight):
    drone = EasyDrone()

    def spoil(mission, phase, share):
        drone.fault = 5 if phase == Phase.POLICY and share > 0.5 else drone.fault

    flown, _log, _ = flight(drone, spoil)
    assert flown.trouble == "the policy gave the rotors back: tilted too far"
    assert flown.landed
    assert len(flown.errors_m) > 100


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
        (IDENTITY, 1.0, "is 00000001, this run's is 1234abcd"),
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
    assert set(log["phase"]) == {Phase.GROUND, Phase.END}
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
    flown, _log, _ = flight(drone, figure=FigureOfEight(), lap_s=5.5)
    assert "no room" in flown.trouble
    assert "arm" not in drone.told


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

    flown, _, _ = flight(drone, cut)
    assert flown.trouble == "the link is gone"
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
    assert b'"landed":false' in events[-1].replace(b" ", b"")
    assert log["position_m"][-1, 2] > LANDED_M


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
    assert any(b"touch_down" in event for event in events)


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
    log = FlightLog(tmp_path / "log.mcap")
    written, add = [], log.add

    def fail_later(record):
        written.append(record)
        if len(written) > 500:
            raise OSError(28, "No space left on device")
        add(record)

    log.add = fail_later
    with log:
        flown = Mission(drone, OnBoardPolicy(SHA, 100.0), HoverAtPoints(), drone.clock, log).fly()  # type: ignore[arg-type]
    assert flown.trouble == "the log cannot be written: No space left on device"
    assert flown.landed
    assert len(written) == 501


@pytest.mark.parametrize("airborne", [False, True])
def test_motion_capture_that_fails_keeps_the_drone_down_or_brings_it_down(tmp_path, airborne):
    class Cameras:
        broken = not airborne

        def trouble(self, in_the_air: bool) -> str:
            return "motion capture: no pose" if self.broken else ""

    drone, cameras = EasyDrone(), Cameras()
    drone.parameters["kalman.resetEstimation"] = 0.0
    drone.parameters[ESTIMATOR_PARAMETER] = 1.0

    def fail(phase, share):
        cameras.broken = cameras.broken or (phase == Phase.POLICY and share > 0.3)

    with FlightLog(tmp_path / "log.mcap") as log:
        mission = Mission(drone, OnBoardPolicy(SHA, 100.0), HoverAtPoints(), drone.clock, log, None, fail, cameras)  # type: ignore[arg-type]
        flown = mission.fly()
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

    flown, log, _ = flight(drone, figure=FigureOfEight(), lap_s=5.5, truth=on_the_path)
    assert flown.position_error_m < 0.01
    assert drone.parameters[LAP] == 5.5
    goals = log["goal_m"][np.isfinite(log["goal_m"][:, 0])]
    assert np.ptp(goals[:, 0]) == pytest.approx(2.0, abs=0.02)
    np.testing.assert_allclose(goals[-1], [0.3, -0.2, 0.71], atol=0.12)


def test_moves_begin_and_end_at_rest():
    t = np.linspace(0.0, 1.0, 1001)
    x = np.array([eased(share) for share in t])
    assert (x[0], x[-1]) == (0.0, 1.0)
    assert np.abs(np.gradient(x, t))[[0, -1]].max() < 1e-5
    assert (eased(-1.0), eased(2.0)) == (0.0, 1.0)
    figure = HoverAtPoints()
    path = np.array([figure.set_point(time_s) for time_s in np.arange(0.0, figure.duration_s, 0.01)])
    assert np.abs(np.diff(path, axis=0)).max() < 0.006
    assert np.ptp(path[:, :2], axis=0).min() == pytest.approx(0.3)
