"""A car that cannot look behind itself goes back the way that it came, further each time, and gives up in the end."""

from collections.abc import Callable

import pytest

from drivers.emulators.world import BRAKE, ODOMETER, SERVO, SPEED, STEER, V_X, V_Y, World
from robot.robots.car.eyes.way_back import BACK_M, ELSEWHERE_M, Phase, WayBack
from robot.robots.car.shield.supervision import Command, execute
from robot.safety.supervisor import Mode
from sim.car.model import P_HALF_LENGTH, P_HALF_WIDTH, PHYSICS_STEP_S, hidden_car, load_parameters
from sim.distance_field import footprint_clearance, rasterise
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import place

TICK_S = 0.02


def drive(back: WayBack, metres: float, steer_rad: float) -> None:
    for _ in range(round(metres / 0.05)):
        back.watch(0.05, steer_rad)


def reverse(
    back: WayBack, open_to: Callable[[Command], bool] = lambda command: True, as_it_came: bool = False
) -> tuple[float, list[float]]:
    """A recovery to its end, on wheels that do as they are told where nothing is in the way: metres rolled, steering angles in motion."""
    back.begin(as_it_came)
    rolled, steered, v_x = 0.0, [], 0.0
    for _ in range(2000):
        command = back.step(TICK_S, v_x, v_x * TICK_S)
        if back.finished:
            return rolled, steered
        v_x = command.speed_m_s if open_to(command) else 0.0
        rolled += v_x * TICK_S
        if v_x != 0.0:
            steered.append(command.steer_rad)
    raise AssertionError("it does not end")


def test_it_steers_as_it_steered_there() -> None:
    back = WayBack()
    drive(back, 1.0, 0.1)
    drive(back, 0.4, -0.3)
    rolled, steered = reverse(back)
    assert back.phase is Phase.DONE and rolled == pytest.approx(-BACK_M[0], abs=0.05)
    changes = [k for k in range(1, len(steered)) if steered[k] != steered[k - 1]]
    assert steered[0] == -0.3 and steered[-1] == 0.1 and len(changes) == 1
    assert changes[0] / len(steered) == pytest.approx(0.4 / BACK_M[0], abs=0.1)


def test_it_goes_further_back_each_time_until_it_has_driven_free() -> None:
    back = WayBack()
    drive(back, 4.0, 0.0)
    first, second = reverse(back)[0], reverse(back)[0]
    assert second < first - 0.3
    drive(back, 3.5, 0.0)
    assert reverse(back)[0] == pytest.approx(first, abs=0.05)


def test_it_goes_no_further_back_than_it_knows() -> None:
    back = WayBack()
    drive(back, 0.3, 0.2)
    assert reverse(back)[0] == pytest.approx(-0.25, abs=0.06)


def test_where_back_is_closed_it_tries_elsewhere_towards_where_it_turned_first() -> None:
    for side in (1.0, -1.0):
        back = WayBack()
        drive(back, 2.0, side * 0.35)
        rolled, steered = reverse(back, lambda command: command.speed_m_s > 0.0)
        assert (
            back.phase is Phase.DONE
            and rolled == pytest.approx(ELSEWHERE_M, abs=0.05)
            and set(steered) == {side * 0.25}
        )


def test_who_sees_no_way_on_goes_back_as_it_came_or_not_at_all() -> None:
    back = WayBack()
    assert reverse(back, as_it_came=True) == (0.0, []) and back.phase is Phase.FAILED
    drive(back, 0.3, 0.2)
    assert reverse(back, as_it_came=True)[0] == pytest.approx(-0.25, abs=0.06) and back.phase is Phase.DONE
    assert reverse(back, as_it_came=True) == (0.0, []) and back.phase is Phase.FAILED  # it has gone all of it
    drive(back, 2.0, 0.2)
    rolled = reverse(back, lambda command: command.speed_m_s > 0.0, as_it_came=True)[0]
    assert rolled == 0.0 and back.phase is Phase.FAILED


def slide_and_recover(track: str, seed: int, s: float, outwards_m: float, outwards_m_s: float) -> tuple[bool, float]:
    """A hidden car slides into the outer wall of a bend: whether it frees itself, by the truth, and what room it then has, m."""
    course = built_in(track)
    world = World(
        hidden_car(seed, load_parameters()),
        course,
        rasterise(course),
        place(course.packed(), course.spacing_m, 0.0, 0.0),
    )
    bend = 1.0 if course.curvature[int(s / course.spacing_m)] > 0.0 else -1.0
    world.put_on_course(s, -bend * outwards_m, 0.0)
    world.moving[[V_X, V_Y, STEER]] = 3.5, -bend * outwards_m_s, bend * 0.25
    back, command, odometer_m = WayBack(), Command(bend * 0.25, 3.5), 0.0
    rolled_m = 0.0
    for _ in range(1500):
        if world.collisions:
            command = execute(Mode.RECOVER, back.step(TICK_S, float(world.moving[V_X]), rolled_m), command)
        brake = command.brake_a > 0.0
        world.order(world.time_s, SERVO, command.steer_rad)
        world.order(world.time_s, BRAKE if brake else SPEED, command.brake_a if brake else command.speed_m_s)
        for _ in range(round(TICK_S / PHYSICS_STEP_S)):
            world.step()
        rolled_m, odometer_m = float(world.moving[ODOMETER]) - odometer_m, float(world.moving[ODOMETER])
        if not world.collisions:
            back.watch(rolled_m, command.steer_rad)
        elif back.phase is Phase.IDLE:
            back.begin()
        if back.finished:
            break
    clear_m = footprint_clearance(
        world.distance_m, world.frame, *world.moving[:3], *world.parameters[[P_HALF_LENGTH, P_HALF_WIDTH]]
    )
    return back.phase is Phase.DONE, float(clear_m)


@pytest.mark.parametrize(
    ("track", "s", "seed"), [("oval", 25.0, 101), ("oval", 9.0, 3), ("oval", 11.0, 101), ("bean", 12.0, 4)]
)
def test_a_car_that_slid_against_the_outside_of_a_bend_frees_itself(track: str, s: float, seed: int) -> None:
    freed, clear_m = slide_and_recover(track, seed, s, 0.35, 1.4)
    assert freed and clear_m > 0.005


def test_it_gives_up_where_nothing_moves_it() -> None:
    back = WayBack()
    drive(back, 2.0, 0.0)
    assert reverse(back, lambda command: False)[0] == 0.0 and back.phase is Phase.FAILED
