"""People in the virtual car's world: the lidar sees them, they walk, and whom the car touches is counted with its speed."""

import math

import numpy as np
import pytest

from drivers.emulators.people import MANNERS_M, PATIENCE_S, RADIUS_M, People, nearer, space
from drivers.emulators.process import build_world
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.world import SPEED
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import place

CAR = load_parameters()


def test_a_beam_ends_at_the_person_that_stands_in_it_and_passes_beside():
    people = np.array([[3.0, 0.0]])
    assert nearer(people, 0.0, 0.0, 0.0, 5.0) == pytest.approx(3.0 - RADIUS_M)
    assert nearer(people, 0.0, 0.0, 0.0, 0.0) == pytest.approx(3.0 - RADIUS_M)  # 0: without a person nothing was met
    assert nearer(people, 0.0, 0.0, 0.0, 2.0) == 2.0  # a wall before it
    assert nearer(people, 0.0, 0.0, math.atan2(0.2, 3.0), 5.0) == 5.0
    assert nearer(people, 0.0, 0.0, math.pi, 5.0) == 5.0


def test_the_space_is_measured_from_the_body():
    packed = CAR.packed()
    assert space(np.array([1.0, 0.0]), 0.0, 0.0, 0.0, packed) == pytest.approx(1.0 - CAR.half_length_m - RADIUS_M)
    assert space(np.array([1.0, 0.0]), 0.0, 0.0, 0.5 * math.pi, packed) == pytest.approx(
        1.0 - CAR.half_width_m - RADIUS_M
    )
    assert space(np.array([0.1, 0.1]), 0.0, 0.0, 0.0, packed) < 0.0


def test_people_cross_the_course_at_walking_pace_and_not_into_a_car_that_is_near():
    course = built_in("oval")
    people = People(2, course, seed=1)
    away, sides = (100.0, 100.0, 0.0), []
    for _ in range(2000):
        before = people.at.copy()
        people.step(0.01, *away, 0.0, CAR.packed())
        assert np.all(np.linalg.norm(people.at - before, axis=1) <= 0.01 * 0.61)
        sides.append(np.sin(people.sway_rad))
    assert np.ptp(sides, axis=0) == pytest.approx([2.0, 2.0], abs=0.1)  # from one side to the other
    half_width_m = max(course.width_left.max(), course.width_right.max())
    people.sway_rad[:] = 0.5 * math.pi
    assert (
        math.dist(people._place(0), place(people.packed, course.spacing_m, people.s[0], 0.0)[:2])
        <= half_width_m - RADIUS_M
    )
    x, y = people.at[0] + (MANNERS_M + 0.01, 0.0)
    for _ in range(2000):
        people.step(0.01, x, y, 0.0, 0.0, CAR.packed())
        assert math.dist(people.at[0], (x, y)) >= MANNERS_M - 0.01
    assert people.hit == 0


def test_who_meets_a_car_that_waits_turns_back_and_the_way_is_free_again():
    people = People(1, built_in("oval"), seed=1)
    places = []
    for sway_rad in (0.0, -0.5 * math.pi, 0.5 * math.pi):
        people.sway_rad[:] = sway_rad
        places.append(np.array(people._place(0)))
    middle, side, people.at[0] = places
    x, y = middle + 0.5 * (side - middle) / math.dist(side, middle)  # the car, half a metre beyond the middle
    people.rate_rad_s[:] = 0.4
    far_m = []
    for _ in range(4000):
        people.step(0.01, x, y, 0.0, 0.0, CAR.packed())
        far_m.append(math.dist(people.at[0], (x, y)))
    assert min(far_m) >= MANNERS_M - 0.01
    assert max(far_m[-1500:]) > 1.3, "back at the side that it came from, not waiting before the car"


def test_nobody_is_pinned_to_a_wall_by_a_car_that_waits():
    course = built_in("oval")
    people = People(1, course, seed=1)
    people.sway_rad[:], people.rate_rad_s[:] = 0.5 * math.pi, 0.4  # at the inner wall of a bend
    people.at[0] = people._place(0)
    x, y, _ = place(people.packed, course.spacing_m, people.s[0] - 0.72, 0.7)
    sides = []
    for _ in range(4000):
        people.step(0.01, x, y, 0.0, 0.0, CAR.packed())
        assert math.dist(people.at[0], (x, y)) >= MANNERS_M - 0.07
        sides.append(math.sin(people.sway_rad[0]))
    assert min(sides) < -0.9


def test_a_touch_is_counted_once_with_the_speed_of_the_car():
    world = build_world(VirtualCarConfig(people=1, seed=3))
    s, *_ = world.people.s
    world.put_on_course(s - 1.0)
    world.people.rate_rad_s[:] = 0.0
    world.people.sway_rad[:] = 0.0  # in the middle of the course
    world.people.step(0.0, *world.moving[:3], 0.0, world.parameters)
    world.order(0.0, SPEED, 2.0)
    for _ in range(150):
        world.step()
    assert world.people.hit == 1
    assert 1.0 < world.people.worst_m_s < 2.1


def test_less_than_nobody_is_refused():
    with pytest.raises(ValueError, match="people: found -1, allowed: 0 or more"):
        build_world(VirtualCarConfig(people=-1))


def test_before_whom_a_car_waits_makes_room_at_the_farther_side_until_it_has_gone():
    course = built_in("oval")
    people = People(1, course, seed=1)
    people.sway_rad[:], people.rate_rad_s[:] = 0.0, 0.4  # in the middle
    people.at[0] = people._place(0)
    x, y, _ = place(people.packed, course.spacing_m, people.s[0] - 1.0, 0.3)
    for _ in range(int(100.0 * PATIENCE_S)):
        people.sway_rad[:] = 0.0  # stands and looks at it
        people.step(0.01, x, y, 0.0, 0.0, CAR.packed())
    for _ in range(1000):
        people.step(0.01, x, y, 0.0, 0.0, CAR.packed())
    assert math.sin(people.sway_rad[0]) == pytest.approx(-1.0, abs=0.02), "to the right, as the car is on the left"
    for _ in range(400):
        people.step(0.01, x + 10.0, y, 0.0, 3.0, CAR.packed())
    assert math.sin(people.sway_rad[0]) > -0.5, "walks on"
