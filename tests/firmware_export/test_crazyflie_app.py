"""The app for the Crazyflie, compiled for this computer: what the policy sees, what becomes of its action, when it flies.

The two policies of tests/recordings/policies were trained by `robot train --task hover` and `--task track_trajectory`.
"""

import ctypes
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from drivers.emulators.crazyflie_app import (
    ABSOLUTE,
    FORCE,
    LEGACY,
    OFF,
    VELOCITY,
    CrazyflieApp,
    SensorData,
    Setpoint,
    State,
)
from drivers.emulators.crazyflie_body import E_YAW
from firmware_export.compilers import shared_library
from firmware_export.crazyflie_app import (
    STUBS,
    AppPath,
    app_sources,
    build_for_cortex_m4,
    build_for_host,
    full_thrust_n,
    policy_id,
    write_app,
)
from firmware_export.network import random_network
from robot.crazyflie_app_of_run import figure_of_eight, trained_for, write_app_of_run
from robot.network_of_run import network_of_run
from robot.tasks import hover, track_trajectory
from sim.quadrotor import load_parameters
from tests.firmware_export.app_flight import AppFlight, put
from tests.firmware_export.toolchain import needs_arm_gcc, needs_clang

POLICIES = Path(__file__).parents[1] / "recordings" / "policies"
DRONE = "crazyflie_2_0"
SELF_TEST, SETPOINT_OLD, SETPOINT_KIND, NOT_FINITE, TILT, RATE, POSITION, PARAMETER = range(1, 9)
ONE, ZERO = np.uintp(1), np.uintp(0)


@pytest.fixture(scope="module")
def apps(tmp_path_factory) -> dict[str, Path]:
    """The apps' folders, compiled, by task."""
    folders = {}
    for task in ("hover", "track_trajectory"):
        folders[task] = tmp_path_factory.mktemp(task)
        write_app_of_run(POLICIES / f"{task}.npz", folders[task])
        build_for_host(folders[task])
    return folders


@pytest.fixture
def flight(apps) -> AppFlight:
    return AppFlight(apps["hover"] / "app.so", DRONE)


@pytest.fixture
def flying(flight) -> AppFlight:
    """A drone that the policy has flown for half a second."""
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.fly(0.5)
    assert flight.log("active") == 1 and flight.control.controlMode == FORCE
    return flight


class Bench:
    """An app without a drone: one step at a time, of a state of one's own."""

    def __init__(self, folder: Path) -> None:
        def level(control, setpoint, sensors, state, tick):
            control.controlMode, control.thrust = LEGACY, 1.0

        self.app = CrazyflieApp(folder / "app.so", level)
        self.app.init()
        self.setpoint, self.sensors, self.state, self.tick = Setpoint(), SensorData(), State(), 0
        self.setpoint.mode.x = self.setpoint.mode.y = self.setpoint.mode.z = ABSOLUTE
        self.state.attitudeQuaternion.w = 1.0

    def step(self) -> np.ndarray:
        self.tick += 1
        self.setpoint.timestamp = self.tick
        control = self.app.step(self.setpoint, self.sensors, self.state, self.tick)
        return np.array(control.normalizedForces) if control.controlMode == FORCE else np.full(4, np.nan)

    def first_forces(self) -> np.ndarray:
        """What the policy decides first, armed anew."""
        self.app.parameters["policy.arm"].value = 0
        self.step()
        self.app.parameters["policy.arm"].value = 1
        return self.step()


def some_state(seed: int) -> np.ndarray:
    """A tilted, moving drone as `sim.quadrotor` has it, without rotors: (13,)."""
    rng = np.random.default_rng(seed)
    state = np.concatenate([rng.uniform(-0.4, 0.4, 3), [1.0], 0.3 * rng.standard_normal(3), rng.standard_normal(6)])
    state[3:7] /= np.linalg.norm(state[3:7])
    return state


def put_state(bench: Bench, state: np.ndarray, origin: np.ndarray) -> None:
    """Tell the app of it, as the firmware would: degrees, x y z w, relative to a set-point elsewhere."""
    put(bench.setpoint.position, origin)
    put(bench.state.position, state[:3] + origin)
    put(bench.state.attitudeQuaternion, np.roll(state[3:7], -1))
    put(bench.state.velocity, state[7:10])
    put(bench.sensors.gyro, np.degrees(state[10:13]))


def turned(state: np.ndarray) -> np.ndarray:
    """The same state seen from a world whose x is the drone's heading."""
    w, _, _, z = state[3:7]
    c, s = (w * w - z * z) / (w * w + z * z), 2.0 * w * z / (w * w + z * z)
    about_z = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    half = -0.5 * math.atan2(s, c)
    h_w, h_z, (w, x, y, z) = math.cos(half), math.sin(half), state[3:7]
    q = [h_w * w - h_z * z, h_w * x - h_z * y, h_w * y + h_z * x, h_w * z + h_z * w]
    return np.concatenate([about_z @ state[:3], q, about_z @ state[7:10], state[10:13]])


def forces_of(task, state: np.ndarray, time_s: float = 0.0, path: np.ndarray | None = None) -> np.ndarray:
    """What the task's own functions and the network make of a state, as shares of the greatest thrust."""
    network = network_of_run(POLICIES / f"{task.__name__.rsplit('.', 1)[1]}.npz")
    drone = load_parameters(DRONE)
    memory = np.zeros(task.MEMORY_SIZE + network.inputs, np.float32)
    memory[task.MEMORY_SIZE + network.sensed :] = 2.0 * drone.hover_command() - 1.0
    if path is not None:
        memory[: task.MEMORY_SIZE] = path
    full_state = tuple(np.float32(x) for x in state) + (np.float32(0.0),) * 4
    task.observe(full_state, np.float32(time_s), memory, ZERO, np.uintp(task.MEMORY_SIZE), ONE)
    speed = 0.5 * (network.forward(memory[None, task.MEMORY_SIZE :])[0] + 1.0)
    return (drone.thrust_0_n + speed * (drone.thrust_1_n + speed * drone.thrust_2_n)) / full_thrust_n(drone)


# What the policy sees, and what its action means.


@pytest.mark.parametrize("seed", range(5))
def test_the_policy_sees_what_it_saw_in_the_simulator(apps, seed):
    bench = Bench(apps["hover"])
    bench.app.parameters["policy.tiltDeg"].value = 180.0
    state = some_state(seed)
    put_state(bench, state, np.array([0.7, -0.4, 1.1]))
    np.testing.assert_allclose(bench.first_forces(), forces_of(hover, turned(state)), atol=2e-6)


@pytest.mark.parametrize("time_s", [0.0, 0.37, 1.99, 7.5])
def test_on_a_path_it_sees_the_moving_set_point_and_what_lies_ahead(apps, time_s):
    bench = Bench(apps["track_trajectory"])
    bench.first_forces()
    for _ in range(round(time_s * 1000) - 1):
        bench.step()
    path = track_trajectory.figure_of_eight()
    target = [float(x) for x in track_trajectory.set_point(path, ZERO, ONE, time_s)[0]]
    bench.step()
    assert [bench.app.logs[f"policy.{axis}"].value for axis in "xyz"] == pytest.approx(target, abs=1e-5)


def test_at_the_beginning_of_a_path_the_decision_is_the_simulator_s(apps):
    bench = Bench(apps["track_trajectory"])
    state = some_state(1)
    state[3:7] = 0.9, 0.3, math.sqrt(1.0 - 0.9**2 - 0.3**2), 0.0  # its heading is the world's x
    put_state(bench, state, np.array([-0.3, 0.2, 0.9]))
    expected = forces_of(track_trajectory, state, 0.0, track_trajectory.figure_of_eight())
    np.testing.assert_allclose(bench.first_forces(), expected, atol=2e-6)


def test_a_set_point_far_away_looks_like_one_at_half_a_metre(apps):
    bench = Bench(apps["hover"])
    decisions = []
    for x in (0.5, 2.0, 50.0):
        bench.setpoint.position.x = x
        decisions.append(bench.first_forces())
    np.testing.assert_array_equal(decisions[0], decisions[1])
    np.testing.assert_array_equal(decisions[0], decisions[2])


def test_forces_are_newtons_over_what_the_firmware_takes_for_one(apps):
    bench = Bench(apps["hover"])
    as_trained = bench.first_forces()
    bench.app.parameters["policy.fullN"].value *= 2.0
    np.testing.assert_allclose(bench.first_forces(), as_trained / 2.0, rtol=1e-6)
    bench.app.parameters["policy.fullN"].value = 1e-3
    np.testing.assert_array_equal(bench.first_forces(), 1.0)


def test_another_drone_gets_the_newtons_of_the_one_the_policy_was_trained_for(apps, tmp_path):
    write_app_of_run(POLICIES / "hover.npz", tmp_path, "crazyflie_2_1_brushless")
    build_for_host(tmp_path)
    trained, flown = load_parameters(DRONE), load_parameters("crazyflie_2_1_brushless")
    newtons = Bench(apps["hover"]).first_forces() * full_thrust_n(trained)
    np.testing.assert_allclose(Bench(tmp_path).first_forces() * full_thrust_n(flown), newtons, rtol=1e-6)
    assert "CONFIG_PLATFORM_CF21BL=y" in (tmp_path / "app-config").read_text()


@pytest.mark.parametrize(("compensates", "full_n"), [(True, 0.1125), (False, full_thrust_n(load_parameters(DRONE)))])
def test_where_the_firmware_holds_thrusts_one_is_its_greatest(apps, tmp_path, compensates, full_n):
    option = "#define CONFIG_ENABLE_THRUST_BAT_COMPENSATED 1\n" if compensates else ""
    (tmp_path / "platform_defaults.h").write_text(f"#pragma once\n{option}#define THRUST_MAX 0.1125f\n")
    sources = [*app_sources(apps["hover"]), STUBS / "stub_host.c"]
    shared_library(sources, tmp_path / "app.so", include=[STUBS, apps["hover"] / "src", tmp_path])
    assert Bench(tmp_path).app.parameters["policy.fullN"].value == pytest.approx(full_n)


def test_it_decides_a_hundred_times_a_second_from_the_step_it_is_armed_in(apps):
    bench = Bench(apps["hover"])
    bench.step()
    bench.app.parameters["policy.arm"].value = 1
    forces = []
    for k in range(40):
        put(bench.state.velocity, (0.01 * k, 0.0, 0.0))
        forces.append(bench.step())
    changes = np.flatnonzero(np.any(np.diff(forces, axis=0), axis=1)) + 1
    np.testing.assert_array_equal(changes, [10, 20, 30])
    assert bench.app.logs["policy.decisions"].value == 4


# The path's arithmetic.


def test_sine_and_cosine_need_no_libm(apps):
    library = ctypes.CDLL(str(apps["hover"] / "app.so"))
    sine, cosine = ctypes.c_float(), ctypes.c_float()
    for angle in np.linspace(-7.0, 7.0, 2001).astype(np.float32):
        library.sine_cosine(ctypes.c_float(angle), ctypes.byref(sine), ctypes.byref(cosine))
        assert sine.value == pytest.approx(math.sin(angle), abs=3e-7)
        assert cosine.value == pytest.approx(math.cos(angle), abs=3e-7)


@pytest.mark.parametrize("lap_s", [3.5, 5.5, 20.0])
def test_any_path_is_the_task_s(tmp_path, lap_s):
    rng = np.random.default_rng(5)
    path = track_trajectory.random_path(rng)
    path[0] = 2.0 * math.pi / lap_s
    app_path = AppPath(track_trajectory.amplitudes(path), lap_s, track_trajectory.WARM_UP_S, track_trajectory.PREVIEW_S)
    write_app(tmp_path, network_of_run(POLICIES / "track_trajectory.npz"), DRONE, path=app_path)
    sources = [tmp_path / "src" / "path.c", tmp_path / "src" / "sine_cosine.c"]
    library = ctypes.CDLL(str(shared_library(sources, tmp_path / "path.so")))
    point = (ctypes.c_float * 9)()
    for time_s in np.linspace(0.0, 60.0, 301):
        library.path_at(ctypes.c_float(time_s), ctypes.c_float(lap_s), point)
        expected = np.concatenate(track_trajectory.set_point(path.astype(np.float64), ZERO, ONE, time_s))
        np.testing.assert_allclose(np.array(point), expected, atol=2e-4)


def test_no_lap_is_so_fast_that_the_drone_cannot_fly_it():
    path = figure_of_eight()
    shortest = path.lap_min_s()
    packed = track_trajectory.figure_of_eight(shortest).astype(np.float64)
    accelerations = [
        np.linalg.norm(track_trajectory.set_point(packed, ZERO, ONE, time_s)[2])
        for time_s in np.linspace(5.0, 5.0 + shortest, 500)
    ]
    assert max(accelerations) == pytest.approx(8.0, rel=1e-3)


# Flights.


def test_it_hovers_goes_to_set_points_and_hands_back(flying):
    assert np.linalg.norm(flying.fly(3.0)[1000:] - flying.goal, axis=1).mean() < 0.04
    flying.goal = np.array([1.0, -1.0, 1.4])
    assert np.linalg.norm(flying.fly(3.0)[-1000:] - flying.goal, axis=1).mean() < 0.04
    flying.set("arm", 0)
    assert np.linalg.norm(flying.fly(2.0) - flying.goal, axis=1).max() < 0.1
    assert flying.log("active") == 0 and flying.log("fault") == 0 and flying.log("handbacks") == 0


@pytest.mark.parametrize(("lap_s", "yaw_rad"), [(5.5, 0.0), (4.0, -2.5)])
def test_it_flies_the_figure_of_eight(apps, lap_s, yaw_rad):
    flight = AppFlight(apps["track_trajectory"] / "app.so", DRONE, yaw_rad=yaw_rad)
    flight.fly(0.1)
    flight.set("lapS", lap_s)
    flight.set("arm", 1)
    positions = flight.fly(8.0)
    path = track_trajectory.figure_of_eight(lap_s)
    targets = [track_trajectory.set_point(path, ZERO, ONE, 1e-3 * k)[0] for k in range(1, 8001)]
    errors = np.linalg.norm(positions - flight.goal - np.array(targets), axis=1)
    assert errors[3000:].mean() < 0.04 and errors.max() < 0.1
    flight.set("arm", 0)
    assert np.linalg.norm(flight.fly(3.0)[-1] - flight.goal) < 0.1


@pytest.mark.parametrize("yaw_rad", [-1.5, 2.4, math.pi])
def test_it_keeps_whatever_heading_it_had(apps, yaw_rad):
    flight = AppFlight(apps["hover"] / "app.so", DRONE, yaw_rad=yaw_rad)
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.goal = np.array([0.5, 0.3, 1.2])
    assert np.linalg.norm(flight.fly(3.0)[-1000:] - flight.goal, axis=1).mean() < 0.04
    turned_by = math.radians(flight.body.estimate[E_YAW]) - yaw_rad
    assert abs(math.remainder(turned_by, 2.0 * math.pi)) < 0.1


def test_a_lap_s_time_does_not_change_under_the_drone(apps):
    flight = AppFlight(apps["track_trajectory"] / "app.so", DRONE)
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.fly(3.0)
    before = flight.log("x"), flight.log("y")
    flight.set("lapS", 3.5)
    flight.fly(0.02)
    assert math.dist(before, (flight.log("x"), flight.log("y"))) < 0.06


# Safety: out in the same step, and latched.


def spoil_with(flight: AppFlight, what: str) -> None:
    """Let something be wrong from the next step on."""
    nan = float("nan")
    gyro, position, q = flight.sensors.gyro, flight.state.position, flight.state.attitudeQuaternion
    spoilers = {
        "tilt": lambda: put(q, (math.sin(0.7), 0.0, 0.0, math.cos(0.7))),
        "roll rate": lambda: setattr(gyro, "x", 1001.0),
        "pitch rate": lambda: setattr(gyro, "y", -1001.0),
        "yaw rate": lambda: setattr(gyro, "z", 1001.0),
        "ahead": lambda: setattr(position, "x", 3.5),
        "aside": lambda: setattr(position, "y", -3.5),
        "high": lambda: setattr(position, "z", 4.5),
        "nan position": lambda: setattr(position, "z", nan),
        "infinite velocity": lambda: setattr(flight.state.velocity, "x", float("inf")),
        "nan attitude": lambda: setattr(q, "w", nan),
        "nan gyro": lambda: setattr(gyro, "y", nan),
        "nan set-point": lambda: setattr(flight.setpoint.position, "y", nan),
        "no x": lambda: setattr(flight.setpoint.mode, "x", VELOCITY),
        "no y": lambda: setattr(flight.setpoint.mode, "y", VELOCITY),
        "no z": lambda: setattr(flight.setpoint.mode, "z", OFF),
        "tilt limit": lambda: flight.set("tiltDeg", nan),
        "rate limit": lambda: flight.set("rateDegS", nan),
        "fence": lambda: flight.set("fenceM", -1.0),
        "no thrust": lambda: flight.set("fullN", 0.0),
    }
    flight.spoil = spoilers[what]


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("tilt", TILT), ("roll rate", RATE), ("pitch rate", RATE), ("yaw rate", RATE), ("ahead", POSITION),
        ("aside", POSITION), ("high", POSITION), ("no x", SETPOINT_KIND), ("no y", SETPOINT_KIND),
        ("no z", SETPOINT_KIND), ("nan position", NOT_FINITE), ("infinite velocity", NOT_FINITE),
        ("nan attitude", NOT_FINITE), ("nan gyro", NOT_FINITE), ("nan set-point", NOT_FINITE),
        ("tilt limit", PARAMETER), ("rate limit", PARAMETER), ("fence", PARAMETER), ("no thrust", PARAMETER),
    ],
)  # fmt: skip
def test_whatever_goes_wrong_hands_back_in_the_same_step_and_stays_so(flying, what, fault):
    flying.fly(0.003)  # between two decisions
    flying.pid_steps.clear()
    spoil_with(flying, what)
    flying.step()
    assert flying.control.controlMode == LEGACY and flying.control.thrust > 0.0
    assert flying.pid_steps == [0]  # all of its loops at once
    assert (flying.log("active"), flying.log("fault"), flying.log("handbacks")) == (0, fault, 1)
    flying.spoil = lambda: None
    flying.setpoint.mode.x = flying.setpoint.mode.y = flying.setpoint.mode.z = ABSOLUTE
    flying.fly(0.3)
    assert flying.log("active") == 0 and flying.log("fault") == fault
    assert flying.pid_steps[1:] == list(range(flying.now_ms - 299, flying.now_ms + 1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_none_of_the_numbers_it_sees_may_be_other_than_finite(apps, value):
    bench = Bench(apps["hover"])
    state, setpoint = bench.state, bench.setpoint
    for place, axes in (
        (state.position, "xyz"), (state.velocity, "xyz"), (state.attitudeQuaternion, "xyzw"),
        (bench.sensors.gyro, "xyz"), (setpoint.position, "xyz"),
    ):  # fmt: skip
        for axis in axes:
            assert np.isfinite(bench.first_forces()).all()
            before = getattr(place, axis)
            setattr(place, axis, value)
            assert np.isnan(bench.step()).all() and bench.app.logs["policy.fault"].value == NOT_FINITE
            setattr(place, axis, before)


def test_after_a_fault_it_flies_again_when_it_is_armed_anew(flying):
    spoil_with(flying, "yaw rate")
    flying.step()
    flying.spoil = lambda: None
    flying.set("arm", 0)
    flying.fly(0.5)
    assert flying.log("fault") == 0
    flying.set("arm", 1)
    flying.fly(0.01)
    assert flying.log("active") == 1 and flying.log("refusals") == 0


def test_200_ms_without_a_new_set_point_are_the_most(flying):
    while flying.log("age"):
        flying.step()
    flying.sends = False
    flying.fly(0.2)
    assert flying.log("active") == 1
    flying.step()
    assert (flying.log("active"), flying.log("fault")) == (0, SETPOINT_OLD)
    assert flying.control.controlMode == LEGACY
    flying.sends = True
    flying.fly(0.1)
    assert flying.log("active") == 0


@pytest.mark.parametrize(("what", "fault"), [("tilt", TILT), ("no z", SETPOINT_KIND), ("nan gyro", NOT_FINITE)])
def test_it_does_not_take_over_when_it_would_have_to_hand_back(flight, what, fault):
    flight.fly(0.1)
    spoil_with(flight, what)
    flight.set("arm", 1)
    flight.step()
    assert (flight.log("active"), flight.log("fault")) == (0, fault)
    assert (flight.log("refusals"), flight.log("handbacks"), flight.log("decisions")) == (1, 0, 0)
    assert flight.pid_steps[-1] == flight.now_ms


def test_without_any_set_point_it_does_not_take_over(flight):
    flight.sends = False
    flight.set("arm", 0)
    flight.step()
    flight.set("arm", 1)
    flight.step()
    assert (flight.log("active"), flight.log("fault")) == (0, SETPOINT_OLD)


def test_the_fence_stands_about_the_place_where_it_is_armed(apps):
    bench = Bench(apps["hover"])
    put(bench.state.position, (40.0, -40.0, 7.0))
    put(bench.setpoint.position, (40.0, -40.0, 7.0))
    assert np.isfinite(bench.first_forces()).all()
    bench.state.position.x = 43.1
    assert np.isnan(bench.step()).all() and bench.app.logs["policy.fault"].value == POSITION


@pytest.mark.parametrize("lap_s", [0.0, 3.0, -5.5, 2000.0, float("nan")])
def test_a_lap_that_cannot_be_flown_is_refused(apps, lap_s):
    bench = Bench(apps["track_trajectory"])
    bench.app.parameters["policy.lapS"].value = lap_s
    assert np.isnan(bench.first_forces()).all() and bench.app.logs["policy.fault"].value == PARAMETER


def test_one_alone_arms(apps):
    bench = Bench(apps["hover"])
    bench.step()
    bench.app.parameters["policy.arm"].value = 2
    assert np.isnan(bench.step()).all()


def test_a_drone_never_wakes_up_armed(flight):
    assert flight.app.parameters["policy.arm"].value == 0
    flight.fly(0.1)
    assert flight.log("active") == 0 and flight.pid_steps == list(range(1, 101))


def test_when_the_controller_is_chosen_anew_it_must_be_armed_anew(flying):
    flying.app.init()
    flying.fly(0.1)
    assert flying.log("active") == 0 and flying.control.controlMode == LEGACY
    flying.set("arm", 0)
    flying.step()
    flying.set("arm", 1)
    flying.step()
    assert flying.log("active") == 1


@pytest.mark.parametrize(("weight", "bit"), [(0, 8), (1777, 1), (4095, 2)])
def test_with_one_flipped_bit_in_its_weights_it_refuses_to_fly(apps, tmp_path, weight, bit):
    folder = shutil.copytree(apps["hover"], tmp_path / "app")
    code = (folder / "src" / "policy.c").read_text()
    weights = list(re.finditer(r"0x1\.([0-9a-f])", code[code.index("/* weights_2 */") :]))
    at = code.index("/* weights_2 */") + weights[weight].start(1)
    (folder / "src" / "policy.c").write_text(code[:at] + f"{int(code[at], 16) ^ bit:x}" + code[at + 1 :])
    flight = AppFlight(build_for_host(folder), DRONE)
    assert flight.app.parameters["policy.selfOk"].value == 0
    assert "FAILED" in flight.app.console[0]
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.fly(0.1)
    assert (flight.log("active"), flight.log("fault"), flight.log("refusals")) == (0, SELF_TEST, 1)


# The files.


def test_it_says_which_policy_it_is(apps, flight):
    assert flight.app.parameters["policy.id"].value == policy_id(network_of_run(POLICIES / "hover.npz").sha256)
    assert flight.app.parameters["policy.id"].read_only and flight.app.parameters["policy.selfOk"].read_only
    assert trained_for(POLICIES / "hover.npz") == DRONE


@pytest.mark.parametrize("task", ["hover", "track_trajectory"])
def test_the_build_names_every_source_and_the_options_it_needs(apps, task):
    assert sorted(app_sources(apps[task])) == sorted((apps[task] / "src").glob("*.c"))
    assert "CONFIG_CONTROLLER_OOT=y" in (apps[task] / "app-config").read_text()
    assert "CONFIG_APP_ENABLE=y" in (apps[task] / "app-config").read_text()
    assert "tools/make/oot.mk" in (apps[task] / "Makefile").read_text()


def test_what_an_older_app_left_in_the_folder_is_not_built(apps, tmp_path):
    write_app_of_run(POLICIES / "track_trajectory.npz", tmp_path)
    write_app_of_run(POLICIES / "hover.npz", tmp_path)
    assert (tmp_path / "src" / "path.c").exists() and build_for_host(tmp_path).exists()


def test_every_parameter_and_log_variable_is_explained(apps, flight):
    text = (apps["hover"] / "README.md").read_text()
    for name in [*flight.app.parameters, *flight.app.logs]:
        assert f"`{name}`" in text


@needs_arm_gcc
@pytest.mark.parametrize("task", ["hover", "track_trajectory"])
def test_it_compiles_under_the_firmware_s_flags(apps, tmp_path, task):
    objects = build_for_cortex_m4(apps[task], tmp_path)
    assert {path.stem for path in objects} == {source.stem for source in app_sources(apps[task])}


@needs_clang
def test_clang_has_nothing_to_say_either(apps, tmp_path):
    sources = [*app_sources(apps["track_trajectory"]), STUBS / "stub_host.c"]
    include = [STUBS, apps["track_trajectory"] / "src"]
    assert shared_library(sources, tmp_path / "app.so", compiler="clang", include=include).exists()


def test_a_policy_of_another_kind_is_refused(tmp_path):
    tracking = network_of_run(POLICIES / "track_trajectory.npz")
    with pytest.raises(ValueError, match="observation: found observation; allowed on a Crazyflie: position_error"):
        write_app(tmp_path, random_network((18, 8, 4)), DRONE)
    with pytest.raises(ValueError, match="path_acceleration; allowed"):
        write_app(tmp_path, tracking, DRONE)
    with pytest.raises(ValueError, match="drone: found 'racer_5_inch', allowed: crazyflie_2_0"):
        write_app(tmp_path, tracking, "racer_5_inch", path=figure_of_eight())
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="found no src/Kbuild"):
        build_for_host(tmp_path)
