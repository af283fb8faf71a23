"""A policy as a flight mode of PX4, against stubs of its headers: joined, chosen, flown, given back."""

import ctypes
import math
import re
from pathlib import Path

import numpy as np
import pytest

from firmware_export.network import random_network
from firmware_export.px4_module import C_SOURCES, MODULE, build_for_host, write_px4_module
from robot.tasks.network_of_run import network_of_run
from tests.firmware_export.crazyflie_app.bench import POLICIES
from tests.firmware_export.px4_flight import HOLD, MODE, MOTORS, Px4, Px4Flight, floats

ANY = Path(__file__).parents[2] / "policies" / "shipped" / "any_quadrotor.npz"
FAULTS = 6


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of modules, compiled: of a policy with memory, and of one without."""
    folders = {}
    for name, policy, quadrotor in (("any", ANY, "x500"), ("hover", POLICIES / "hover.npz", "crazyflie_2_0")):
        folders[name] = tmp_path_factory.mktemp(name)
        write_px4_module(folders[name], network_of_run(policy), quadrotor)
        build_for_host(folders[name])
    return folders


@pytest.fixture
def joined(modules: dict[str, Path], tmp_path: Path) -> Px4:
    """In the air, under PX4's own Hold."""
    px4 = Px4(modules["any"] / "module.so", tmp_path)
    px4.join()
    return px4


@pytest.fixture
def flying(joined: Px4) -> Px4:
    joined.choose()
    for _ in range(8):
        joined.run()
    assert joined.motors()[0] == 3
    return joined


def leave_after_one_more(px4: Px4) -> np.ndarray:
    """What the motors were told at the fault, (4,): once, in place of a decision."""
    told = px4.motors()[0]
    for _ in range(4):
        px4.run()
    assert px4.motors()[0] == told + 1
    return px4.motors()[1][:4]


def given_back(px4: Px4) -> bool:
    """Whether the motors are told nothing more, the commander is asked for Hold, and hears that the mode cannot run."""
    told = px4.motors()[0]
    for _ in range(20):
        px4.run()
    runs, _ = px4.may_run()
    times, number, state = px4.command()
    return px4.motors()[0] == told and times > 0 and (number, state) == (100001, HOLD) and not runs


@pytest.mark.parametrize("newer", [False, True], ids=["up to 1.17", "later"])
def test_it_asks_for_a_mode_and_the_controllers_of_px4_keep_still_in_it(
    modules: dict[str, Path], tmp_path: Path, newer: bool
) -> None:
    px4, name, mode = (
        Px4(build_for_host(modules["any"], newer), tmp_path),
        ctypes.create_string_buffer(25),
        ctypes.c_int(),
    )
    assert px4.started == 0
    px4.run()
    px4.run()
    assert px4.c.stub_asked_for_mode(name) == 1 and name.value == b"Policy"
    for _ in range(401):  # a second without an answer
        px4.run()
    assert px4.c.stub_asked_for_mode(name) == 2
    px4.join()
    px4.choose()
    assert (
        px4.c.stub_configured(ctypes.byref(mode)) == 2 and mode.value == MODE
    )  # when it was given, and when it was chosen
    assert px4.motors()[0] == 1


def test_it_asks_again_where_the_commander_has_dropped_its_mode(joined: Px4) -> None:
    name, mode = ctypes.create_string_buffer(25), ctypes.c_int()
    joined.choose(HOLD)  # the commander lists the mode
    for _ in range(401):
        joined.run()
    asked = joined.c.stub_asked_for_mode(name)
    joined.c.stub_forget()
    joined.choose(HOLD, armed=False, landed=True)
    assert joined.c.stub_asked_for_mode(name) == asked + 1
    joined.c.stub_grant(MODE + 1)
    joined.run()
    assert joined.c.stub_configured(ctypes.byref(mode)) == 2 and mode.value == MODE + 1
    joined.choose(MODE + 1)
    assert joined.motors()[0] == 1


@pytest.mark.parametrize(
    ("module", "quadrotor", "yaw_rad", "thrust_model"),
    [("any", "x500", 0.0, 0.0), ("any", "racer_5_inch", 2.0, 0.4), ("any", "crazyflie_2_1_brushless", -1.0, 1.0),
     ("hover", "crazyflie_2_0", 0.7, 0.0)],
)  # fmt: skip
def test_it_holds_where_it_took_over_and_goes_where_it_is_told(
    modules: dict[str, Path], tmp_path: Path, module: str, quadrotor: str, yaw_rad: float, thrust_model: float
) -> None:
    flight = Px4Flight(modules[module] / "module.so", tmp_path, quadrotor, yaw_rad, thrust_model)
    flown = flight.fly(3.0)
    assert np.linalg.norm(flown - (0.0, 0.0, 1.0), axis=1).max() < 0.25
    assert np.linalg.norm(flown[-500:].mean(axis=0) - (0.0, 0.0, 1.0)) < 0.05
    flight.c.stub_setpoint(floats(np.array([0.3, 0.2, -1.25], np.float32)))  # north, east, down
    flown = flight.fly(4.0)
    assert np.linalg.norm(flown[-500:].mean(axis=0) - (0.3, -0.2, 1.25)) < 0.06
    w, z = flight.body.state[3], flight.body.state[6]
    assert math.remainder(2.0 * math.atan2(z, w) - yaw_rad, 2.0 * math.pi) == pytest.approx(0.0, abs=0.1)
    told, control = flight.motors()
    assert told == 701 and flight.command()[0] == 0
    assert ((control[:4] > 0.0) & (control[:4] <= 1.0)).all() and np.isnan(control[4:]).all()


@pytest.mark.parametrize(
    ("attitude", "rate_rad_s", "faster"),
    [
        ((math.cos(0.15), math.sin(0.15), 0.0, 0.0), (0.0, 0.0, 0.0), "right"),  # rolled to the right
        ((math.cos(0.15), 0.0, math.sin(0.15), 0.0), (0.0, 0.0, 0.0), "back"),  # nose up
        ((1.0, 0.0, 0.0, 0.0), (0.0, 3.0, 0.0), "back"),
        ((1.0, 0.0, 0.0, 0.0), (-3.0, 0.0, 0.0), "left"),
    ],
)  # fmt: skip
def test_the_motors_that_bring_it_back_turn_faster(
    joined: Px4, attitude: tuple[float, ...], rate_rad_s: tuple[float, ...], faster: str
) -> None:
    joined.attitude[:], joined.rate_rad_s[:] = attitude, rate_rad_s
    joined.choose()
    fast = np.array([faster in motor for motor in MOTORS])
    control = joined.motors()[1][:4]
    assert control[fast].min() > control[~fast].max()


def test_motors_1_and_2_whose_propellers_turn_to_the_left_stop_a_turn_to_the_left(joined: Px4) -> None:
    """Seen from above they turn counter-clockwise, so their torque turns the vehicle clockwise: against what it does here."""
    joined.rate_rad_s[:] = (0.0, 0.0, -3.0)
    joined.choose()
    control = joined.motors()[1][:4]
    assert control[:2].mean() > 1.3 * control[2:].mean()


def test_a_motors_command_is_what_was_decided_whatever_px4_takes_its_thrust_for(joined: Px4) -> None:
    def thrusts(f: float) -> np.ndarray:
        joined.choose(HOLD)
        joined.c.stub_thrust_model(f)
        joined.choose()
        return joined.motors()[1][:4]

    commands = thrusts(0.0)
    np.testing.assert_allclose(thrusts(1.0), commands**2, rtol=1e-6)
    np.testing.assert_allclose(thrusts(0.3), 0.3 * commands**2 + 0.7 * commands, rtol=1e-6)


def test_the_land_detector_knows_the_thrust_of_every_order_to_the_motors(joined: Px4) -> None:
    """It went on with the last of PX4's own controllers: from a throttle at its least it took a hovering vehicle for a landed one."""
    joined.c.stub_thrust_model(0.3)
    joined.choose()
    for spoil in (joined.run, lambda: tilted(joined)):  # that which is told while it gives the vehicle back, too
        spoil()
        for _ in range(4):
            joined.run()
        told, control = joined.motors()
        times, thrust = joined.thrust()
        assert times == told and thrust == pytest.approx([0.0, 0.0, -control[:4].mean()], rel=1e-6)


@pytest.mark.parametrize("gyro_hz", [400, 800, 1000])
def test_it_decides_a_hundred_times_a_second_whatever_the_gyroscopes_rate(joined: Px4, gyro_hz: int) -> None:
    joined.choose()
    before = joined.motors()[0]
    for _ in range(gyro_hz):
        joined.run(1_000_000 // gyro_hz)
    assert joined.motors()[0] - before == 100


def not_finite(px4: Px4) -> None:
    px4.velocity_m_s[1] = math.nan


def tilted(px4: Px4) -> None:
    px4.attitude[:] = math.cos(0.55), 0.0, math.sin(0.55), 0.0


def turning(px4: Px4) -> None:
    px4.rate_rad_s[2] = -18.0


def far(px4: Px4) -> None:
    px4.position_m[2] = -3.1


def invalid(px4: Px4) -> None:
    px4.valid = False


def landed(px4: Px4) -> None:
    px4.c.stub_status(MODE, True, True)


def silent(px4: Px4) -> None:
    px4.tells_attitude = False
    for _ in range(21):
        px4.run()


@pytest.mark.parametrize("spoil", [not_finite, tilted, turning, far, invalid, landed, silent])
def test_what_speaks_against_flying_gives_the_vehicle_back_until_the_mode_is_chosen_anew(flying: Px4, spoil) -> None:
    spoil(flying)
    for _ in range(4):
        flying.run()
    assert given_back(flying)
    flying.velocity_m_s[:], flying.rate_rad_s[:], flying.attitude[:] = 0.0, 0.0, (1.0, 0.0, 0.0, 0.0)
    flying.position_m[:], flying.valid, flying.tells_attitude = 0.0, True, True
    assert given_back(flying)  # it is latched
    flying.choose(HOLD)
    assert flying.may_run()[0]
    told = flying.motors()[0]
    flying.choose()
    assert flying.motors()[0] == told + 1


def test_when_it_gives_the_vehicle_back_nothing_turns_it_and_the_commander_need_not_ask(flying: Px4) -> None:
    assert flying.may_run(9)[0]
    flying.rate_rad_s[:] = 2.0, -1.0, 1.0
    for _ in range(4):
        flying.run()
    before = flying.motors()[1][:4]
    assert np.ptp(before) > 0.1
    tilted(flying)
    np.testing.assert_allclose(leave_after_one_more(flying), before.mean(), rtol=1e-6)
    assert not flying.answered(9)[0]


def test_where_it_may_not_take_over_it_tells_the_motors_nothing(flying: Px4) -> None:
    flying.choose(HOLD)
    told = flying.motors()[0]
    tilted(flying)
    flying.choose()
    assert flying.motors()[0] == told and given_back(flying)


@pytest.mark.parametrize(
    ("moved_m", "turned_rad"), [((4.0, -2.0, 1.5), 0.0), ((0.0, 0.0, 0.0), 0.8), ((-5.0, 1.0, -4.0), -2.5)]
)
def test_where_the_estimator_sets_its_estimate_elsewhere_it_holds_the_same_place_and_heading(
    modules: dict[str, Path], tmp_path: Path, moved_m: tuple[float, float, float], turned_rad: float
) -> None:
    flight = Px4Flight(modules["any"] / "module.so", tmp_path, "x500", 0.5)
    flight.fly(2.0)
    flight.reset_estimate(moved_m, turned_rad)
    flown = flight.fly(3.0)
    assert np.linalg.norm(flown - (0.0, 0.0, 1.0), axis=1).max() < 0.1
    w, z = flight.body.state[3], flight.body.state[6]
    assert math.remainder(2.0 * math.atan2(z, w) - 0.5, 2.0 * math.pi) == pytest.approx(0.0, abs=0.1)
    assert flight.command()[0] == 0


def test_a_reset_that_is_no_number_gives_the_vehicle_back(flying: Px4) -> None:
    flying.reset(np.array([math.nan, 0.0, 0.0], np.float32), np.array([1.0, 0.0, 0.0, 0.0], np.float32))
    for _ in range(4):
        flying.run()
    assert given_back(flying)


def test_it_flies_until_something_speaks_against_it(flying: Px4) -> None:
    assert not given_back(flying) and flying.may_run()[0]


def test_it_is_asked_for_hold_again_until_the_commander_has_heard(flying: Px4) -> None:
    far(flying)
    for _ in range(400):
        flying.run()
    assert 9 <= flying.command()[0] <= 11


def test_it_is_for_the_air(joined: Px4) -> None:
    assert joined.may_run() == (True, True)  # and nobody can arm in it
    joined.choose(HOLD, landed=True)
    assert not joined.may_run()[0]
    joined.choose(landed=True)  # chosen all the same
    assert given_back(joined) and joined.motors()[0] == 0
    joined.choose(armed=False)
    assert joined.motors()[0] == 0


def test_it_says_that_it_cannot_run_without_a_position(joined: Px4) -> None:
    joined.valid = False
    assert not joined.may_run()[0]


def test_a_set_point_from_before_it_took_over_and_one_that_is_no_place_are_not_followed(joined: Px4) -> None:
    def first(px4: Px4) -> np.ndarray:
        px4.choose()
        return px4.motors()[1][:4]

    held = first(joined)
    joined.choose(HOLD)
    joined.c.stub_setpoint(floats(np.array([0.4, 0.0, 0.0], np.float32)))
    np.testing.assert_array_equal(first(joined), held)  # nor is anything remembered of the flight before
    joined.c.stub_setpoint(floats(np.array([0.4, math.nan, 0.0], np.float32)))
    unmoved = [joined.run() or joined.motors()[1][:4] for _ in range(4)][-1]
    joined.choose(HOLD)
    first(joined)
    np.testing.assert_array_equal([joined.run() or joined.motors()[1][:4] for _ in range(4)][-1], unmoved)
    joined.choose(HOLD)
    first(joined)
    joined.c.stub_setpoint(floats(np.array([0.4, 0.0, 0.0], np.float32)))
    moved = [joined.run() or joined.motors()[1][:4] for _ in range(4)][-1]
    assert (moved != unmoved).all()


def test_damaged_weights_never_fly(modules: dict[str, Path], tmp_path: Path) -> None:
    write_px4_module(tmp_path, network_of_run(ANY), "x500")
    source = tmp_path / MODULE / "policy.c"
    number = re.search(r"0x1\.[0-9a-f]+p-?\d+f", source.read_text())
    assert number is not None
    source.write_text(source.read_text().replace(number.group(), "0x1.8p-1f", 1))
    px4 = Px4(build_for_host(tmp_path), tmp_path)
    px4.join()
    assert not px4.may_run()[0]
    px4.choose()
    assert given_back(px4) and px4.motors()[0] == 0


def test_the_build_names_every_source_and_the_text_every_fault(modules: dict[str, Path]) -> None:
    folder = modules["any"] / MODULE
    build = (folder / "CMakeLists.txt").read_text()
    assert {path.name for path in folder.glob("*.c*")} == {*re.findall(r"\w+\.c(?:pp)?", build)} >= {*C_SOURCES}
    assert "DEPENDS" not in build  # PX4 has none of its libraries yet when it reads this
    assert "EXTERNAL\n" in build and "modules/mc_policy" in (modules["any"] / "src" / "CMakeLists.txt").read_text()
    text = (modules["any"] / "README.md").read_text()
    faults = re.findall(r"= ([1-9]), ", (folder / "pilot.h").read_text())
    assert len(faults) == FAULTS and all(re.search(rf"\b{fault} \w", text) for fault in faults)


def test_policies_that_see_or_decide_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path_acceleration; allowed with PX4: position_error, rotation"):
        write_px4_module(tmp_path, network_of_run(POLICIES / "track_trajectory.npz"), "x500")
    with pytest.raises(ValueError, match="observation: found observation; allowed with PX4"):
        write_px4_module(tmp_path, random_network((18, 8, 4)), "x500")
    assert not list(tmp_path.iterdir())
