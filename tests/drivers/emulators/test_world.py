import math

import numpy as np
import pytest

from drivers.emulators.process import build_world
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.world import BRAKE, CURRENT, RELEASED, SERVO, SPEED, V_X, VOLTAGE, X, Y
from sim.car.model import load_parameters
from sim.distance_field import footprint_clearance


def world(**changes):
    return build_world(VirtualCarConfig(**changes))


def run(w, duration_s):
    for _ in range(round(duration_s / 0.01)):
        w.step()


def clearance(w):
    x, y, yaw = w.moving[:3]
    return footprint_clearance(w.distance_m, w.frame, x, y, yaw, w.car.half_length_m, w.car.half_width_m)


def test_a_command_reaches_the_wheels_after_the_delay_of_the_car():
    w = world(car={"actuation_s": 0.04})
    w.order(0.0, SPEED, 2.0)
    run(w, 0.04)
    assert w.moving[V_X] == 0.0
    run(w, 0.01)
    assert w.moving[V_X] > 0.0


def test_the_motor_modes():
    w = world()
    w.order(0.0, SPEED, 1.5)
    run(w, 1.0)
    assert w.moving[V_X] == pytest.approx(1.5, abs=0.05)
    w.order(w.time_s, BRAKE, 20.0)
    run(w, 0.05)
    before = w.moving[V_X]
    run(w, 0.1)
    assert before - w.moving[V_X] == pytest.approx(0.1 * (20.0 * w.car.motor_m_s2_per_a + 0.15), rel=0.05)
    run(w, 2.0)
    assert abs(w.moving[V_X]) < 1e-3  # brakes hold, they do not reverse
    w.order(w.time_s, CURRENT, 10.0)
    run(w, 0.05)
    before = w.moving[V_X]
    run(w, 0.1)
    assert w.moving[V_X] - before == pytest.approx(0.1 * (10.0 * w.car.motor_m_s2_per_a - 0.15), rel=0.1)
    w.release()
    assert w.command[0] == RELEASED
    run(w, 0.2)
    assert w.moving[V_X] > 0.1  # rolls on


def test_a_car_that_meets_a_wall_stops_dead_is_counted_once_and_can_reverse_away():
    w = world()
    w.put_on_course(0.0, heading_error=math.pi / 2)
    w.order(0.0, SPEED, 2.0)
    assert w.impact_m_s == 0.0
    run(w, 2.0)
    assert w.collisions == 1
    assert 1.0 < w.impact_m_s < 2.0
    assert w.moving[V_X] == 0.0
    assert 0.0 < clearance(w) < 0.02
    run(w, 3.0)  # pushing on is the same contact
    assert w.collisions == 1
    w.order(w.time_s, SPEED, -0.5)
    run(w, 1.0)
    assert clearance(w) > 0.1
    w.order(w.time_s, SPEED, 1.0)
    run(w, 2.0)
    assert w.collisions == 2


def test_the_body_never_enters_a_wall_however_it_is_driven():
    w = world()
    rng = np.random.default_rng(1)
    for _ in range(300):
        w.order(w.time_s, SPEED, rng.uniform(-3, 6))
        w.order(w.time_s, SERVO, rng.uniform(-0.4, 0.4))
        run(w, 0.1)
        assert clearance(w) > 0.0
    assert w.collisions > 5


def test_laps_are_counted_and_timed_at_the_line():
    w = world()
    rows = range(1, len(w.course.x), 10)

    def carry_to(row):
        w.moving[X], w.moving[Y] = w.course.x[row], w.course.y[row]
        w.step()

    for lap in range(2):
        for row in rows:
            carry_to(row)
            assert w.laps == lap
    carry_to(5)
    assert w.laps == 2
    assert w.last_lap_s == pytest.approx(0.01 * len(rows), abs=0.011)


def test_driving_backwards_over_the_line_gains_no_lap():
    w = world()
    w.put_on_course(1.0)
    for _ in range(3):
        for speed in (-1.0, 1.0):
            w.order(w.time_s, SPEED, speed)
            run(w, 2.0)
    assert w.laps == 0


def test_a_wall_across_the_course_stops_the_car_and_can_be_taken_away():
    w = world()
    w.put_on_course(4.0)
    w.put_wall(5.0)
    w.order(0.0, SPEED, 2.0)
    run(w, 2.0)
    assert w.collisions == 1
    assert w.place[0] < 5.0
    w.remove_walls()
    run(w, 0.5)
    assert w.place[0] > 5.0


def test_parked_nose_in_the_car_faces_the_wall_and_can_only_go_back():
    w = world()
    w.park_nose_in(6.0)
    assert 0.02 < clearance(w) < 0.05
    assert w.place[2] == pytest.approx(math.pi / 2, abs=0.05)
    w.order(0.0, SPEED, 1.0)
    run(w, 1.0)
    assert w.collisions == 1


def test_a_kidnapped_car_is_found_on_the_course_and_its_lap_is_void():
    w = world()
    w.order(0.0, SPEED, 1.0)
    run(w, 1.0)
    w.put_on_course(20.0, lateral=0.3, heading_error=0.2)
    assert w.place == pytest.approx((20.0, 0.3, 0.2), abs=0.01)
    assert w.moving[V_X] == 0.0
    assert math.isnan(w._lap_began_s)


def test_nobody_is_put_into_a_wall():
    with pytest.raises(ValueError, match="inside a wall"):
        world().put_on_course(3.0, lateral=1.3)


def test_the_battery_sags_under_load_and_empties():
    w = world()
    w.order(0.0, SPEED, 6.0)
    run(w, 0.1)
    assert w.moving[VOLTAGE] < w.car.full_v - 0.5
    run(w, 0.5)
    assert w.moving[7] < 1.0


def test_a_hidden_car_differs_from_the_data_sheet_and_is_the_same_for_the_same_seed():
    nominal, one, again, other = load_parameters(), world(hidden_seed=1), world(hidden_seed=1), world(hidden_seed=2)
    assert one.car == again.car
    assert one.car != other.car != nominal
    assert one.car.mass_kg != nominal.mass_kg


def test_what_lies_between_two_steps_is_interpolated():
    w = world()
    w.order(0.0, SPEED, 3.0)
    run(w, 0.5)
    assert w.at(w.time_s) == pytest.approx(w.moving)
    assert w.at(w.time_s - 0.01) == pytest.approx(w.before)
    assert w.at(w.time_s - 0.005) == pytest.approx(0.5 * (w.before + w.moving))


def test_an_unknown_parameter_of_the_car_is_named():
    with pytest.raises(ValueError, match=r"wings.*allowed: mass_kg"):
        world(car={"wings": 2.0})


def test_on_a_stand_the_wheels_turn_and_the_car_stays():
    w = world()
    place = w.moving[:3].copy()
    w.lift(True)
    w.order(0.0, SPEED, 1.0)
    w.order(0.0, SERVO, 0.3)
    run(w, 1.0)
    assert w.moving[V_X] == pytest.approx(1.0, abs=0.1)
    assert (w.moving[:3] == place).all()
    w.lift(False)
    assert w.moving[V_X] == 0.0
    run(w, 0.5)
    assert w.moving[X] != place[0]
