"""The batched simulator: the same cars as in float64, independent of their neighbours, and really vectorised."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from numba import float32, njit, uint32, uint64

from robot.tasks.race_track import task as race_track
from sim.car import kernel
from sim.car.batch import LANES, CarBatch, Starts, supplied_names
from sim.car.kernel import TERMINATED, TRUNCATED
from sim.car.model import PHYSICS_STEP_S, Randomisation, load_parameters, step_pose
from sim.car.reference import ReferenceCar
from sim.single_precision import OPTIONS, specialise
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.track import Course

CAR = load_parameters()
COURSES = [built_in(name) for name in BUILT_IN]
MOTION = (kernel.S, kernel.LATERAL, kernel.HEADING_ERROR, kernel.V_X, kernel.V_Y, kernel.YAW_RATE, kernel.STEER,
          kernel.CHARGE)  # fmt: skip
STRAIGHT_ON = Starts(lateral=0.0, heading_rad=0.0, speed_low_m_s=2.0, speed_high_m_s=2.0, charge_low=1.0)


def motion(batch: CarBatch) -> np.ndarray:
    """(n_cars, 8) float64."""
    return np.stack([batch.row(row) for row in MOTION], axis=1).astype(np.float64)


def random_actions(n_cars: int, seed: int, most: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-most, most, (n_cars, 2)).astype(np.float32)


def circle(radius_m: float, width_m: float) -> Course:
    n = 400
    angle = np.arange(n) * 2 * np.pi / n
    return Course(
        "circle", 2 * np.pi * radius_m / n, radius_m * np.cos(angle), radius_m * np.sin(angle), angle + np.pi / 2,
        np.full(n, 1 / radius_m), np.full(n, width_m), np.full(n, width_m),
    )  # fmt: skip


@pytest.mark.parametrize(("n_cars", "substeps", "calls"), [(100, 1, 15), (100, 10, 3), (1, 10, 3)])
def test_cars_move_as_in_float64(n_cars: int, substeps: int, calls: int) -> None:
    course = COURSES[1]
    batch = CarBatch(race_track, [course], n_cars, seed=3, substeps=substeps)
    cars = [ReferenceCar(race_track, course, CAR, row) for row in motion(batch)]
    running = np.ones(n_cars, dtype=bool)
    for call in range(calls):
        actions = random_actions(n_cars, call)
        batch.step(actions)
        running &= batch.end == 0
        for car, action in zip(cars, actions, strict=True):
            car.step(action, substeps)
    difference = motion(batch) - [car.motion for car in cars]
    difference[:, 0] = np.remainder(difference[:, 0] + course.length_m / 2, course.length_m) - course.length_m / 2
    assert running.mean() > 0.8
    assert np.abs(difference[running, :3]).max() < 2e-4
    assert np.abs(difference[running, 3:]).max() < 5e-6


def test_no_wheel_is_told_to_turn_further_than_it_can() -> None:
    """From a steering's end stop it turns back at once: what was asked beyond was not commanded."""
    car, left, right = replace(CAR, steer_max_rad=0.2), np.float32([[1.0, 0.0]]), np.float32([[-1.0, 0.0]])
    batch = CarBatch(race_track, [COURSES[1]], 1, seed=3, substeps=1, car=car, starts=STRAIGHT_ON)
    told = []
    for action in [left] * 20 + [right] * 5:
        batch.step(action)
        told.append(float(batch.row(kernel.STEER_COMMAND)[0]))
    assert max(told) == told[19] == pytest.approx(0.2)
    assert told[20] < 0.2


def test_on_a_circle_cars_move_as_on_the_plane() -> None:
    """The kernel's course coordinates against Cartesian ones, which know nothing of any course."""
    radius, n_cars = 4.0, 32
    batch = CarBatch(race_track, [circle(radius, 2.5)], n_cars, seed=5, substeps=1, starts=Starts(lateral=0.4))
    s, lateral, error, v_x, v_y, yaw_rate, steer, _ = motion(batch).T
    angle = s / radius
    poses = np.stack([(radius - lateral) * np.cos(angle), (radius - lateral) * np.sin(angle), angle + np.pi / 2 + error,
                      v_x, v_y, yaw_rate, steer], axis=1)  # fmt: skip
    for _ in range(40):
        before = batch.row(kernel.V_X), batch.row(kernel.STEER)
        batch.step(random_actions(n_cars, 1, most=0.4))
        rates = (batch.row(kernel.STEER) - before[1]) / PHYSICS_STEP_S
        commands = batch.row(kernel.SPEED_ARRIVED)
        accels = np.clip(
            (commands - before[0]) / CAR.speed_loop_time_constant_s, -CAR.brake_max_m_s2, CAR.accel_max_m_s2
        )
        for pose, rate, accel in zip(poses, rates, accels, strict=True):
            step_pose(pose, float(rate), float(accel), CAR.packed(), PHYSICS_STEP_S)
        assert not batch.end.any()
    after = motion(batch)
    np.testing.assert_allclose(radius - np.hypot(poses[:, 0], poses[:, 1]), after[:, 1], atol=2e-4)
    around = np.remainder(np.arctan2(poses[:, 1], poses[:, 0]) - after[:, 0] / radius + np.pi, 2 * np.pi) - np.pi
    np.testing.assert_allclose(around, 0.0, atol=2e-4)
    np.testing.assert_allclose(poses[:, 3:6], after[:, 3:6], atol=2e-3)


def test_a_car_alone_moves_as_in_a_block() -> None:
    alone = CarBatch(race_track, COURSES, 1, seed=7, randomisation=Randomisation())
    block = CarBatch(race_track, COURSES, LANES, seed=8, randomisation=Randomisation())
    block.state[0, :, 5] = alone.state[0, :, 0]
    block.counters[0, :, 5] = alone.counters[0, :, 0]
    for call in range(60):
        actions = random_actions(LANES, call, most=0.4)
        alone.step(actions[5:6])
        block.step(actions)
        np.testing.assert_allclose(block.observation[5], alone.observation[0], atol=2e-3)
        assert block.reward[5] == pytest.approx(alone.reward[0], abs=1e-3)
        assert block.end[5] == alone.end[0]


def test_the_same_seed_gives_the_same_bytes() -> None:
    batches = [CarBatch(race_track, COURSES, 50, seed, randomisation=Randomisation()) for seed in (1, 1, 2)]
    for call in range(50):
        for batch in batches:
            batch.step(random_actions(50, call))
    first, again, other = (batch.state.tobytes() + batch.observation.tobytes() for batch in batches)
    assert first == again
    assert first != other


def test_parallel_cars_are_the_same_cars() -> None:
    """To rounding: LLVM may order the additions of the two kernels differently."""
    sequential, parallel = (CarBatch(race_track, COURSES, 50, 1, randomisation=Randomisation(), parallel=parallel)
                            for parallel in (False, True))  # fmt: skip
    for call in range(10):
        for batch in (sequential, parallel):
            batch.step(random_actions(50, call, most=0.3))
        np.testing.assert_array_equal(parallel.end, sequential.end)
        np.testing.assert_allclose(parallel.observation, sequential.observation, atol=1e-4)
        np.testing.assert_allclose(parallel.reward, sequential.reward, atol=1e-4)


def test_reset_starts_over() -> None:
    batch = CarBatch(race_track, COURSES, 20, seed=1)
    first = batch.observation.copy()
    batch.step(random_actions(20, 0))
    assert not np.array_equal(batch.observation, first)
    np.testing.assert_array_equal(batch.reset(1), first)


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.04, 0.06])
def test_a_command_reaches_the_wheels_after_the_delay(delay_s: float) -> None:
    batch = CarBatch(race_track, COURSES, 4, 1, car=replace(CAR, actuation_s=delay_s), starts=STRAIGHT_ON, substeps=1)
    steers = []
    for _ in range(12):
        batch.step(np.tile(np.float32([1.0, 0.0]), (4, 1)))
        steers.append(batch.row(kernel.STEER)[0])
    assert np.count_nonzero(np.array(steers) == 0.0) == round(delay_s / PHYSICS_STEP_S)


def test_a_start_at_a_speed_goes_on_at_that_speed() -> None:
    """The commands that are on their way to the wheels at the start ask for it, too."""
    batch = CarBatch(race_track, COURSES, 4, 1, car=replace(CAR, actuation_s=0.04), starts=STRAIGHT_ON)
    batch.step(np.tile(np.float32(race_track.action_for(0.0, 2.0)), (4, 1)))
    np.testing.assert_allclose(batch.row(kernel.V_X), 2.0, atol=0.02)


def test_who_slides_back_over_the_start_of_the_course_is_at_its_end() -> None:
    batch = CarBatch(race_track, COURSES, 4, 1, starts=STRAIGHT_ON, substeps=1)
    rows = {kernel.S: 0.001, kernel.V_X: 0.1, kernel.V_Y: 2.0, kernel.HEADING_ERROR: 0.5}
    for row, value in rows.items():
        batch.state[:, int(row)] = value
    batch.step(np.zeros((4, 2), np.float32))
    assert not batch.end.any()
    length = batch.row(kernel.LENGTH)
    assert ((length - 0.02 < batch.row(kernel.S)) & (batch.row(kernel.S) < length)).all()


def test_an_empty_battery_does_not_get_emptier() -> None:
    batch = CarBatch(race_track, COURSES, 4, 1, starts=STRAIGHT_ON)
    batch.state[:, int(kernel.CHARGE)] = 0.0
    batch.step(np.tile(np.float32([0.0, 1.0]), (4, 1)))
    np.testing.assert_array_equal(batch.row(kernel.CHARGE), 0.0)


def test_a_collision_in_the_last_decision_is_a_collision() -> None:
    batch = CarBatch(race_track, COURSES, 4, 1, starts=STRAIGHT_ON, decisions_max=1)
    batch.state[:, int(kernel.LATERAL), :2] = 5.0
    batch.step(np.zeros((4, 2), np.float32))
    assert list(batch.end) == [TERMINATED, TERMINATED, TRUNCATED, TRUNCATED]


def test_commands_slew_no_faster_than_the_task_allows() -> None:
    batch = CarBatch(race_track, COURSES, 4, 1, starts=STRAIGHT_ON)
    batch.step(np.tile(np.float32([0.9, 1.0]), (4, 1)))
    np.testing.assert_allclose(batch.row(kernel.STEER_COMMAND), race_track.STEER_SLEW_RAD_S * 0.1, rtol=1e-5)
    np.testing.assert_allclose(batch.row(kernel.SPEED_COMMAND), 2.0 + race_track.SPEED_SLEW_M_S2 * 0.1, rtol=1e-5)


def test_observation_and_reward_are_those_of_the_task() -> None:
    batch = CarBatch(race_track, COURSES[:1], 30, seed=2)
    course = COURSES[0]
    table = race_track.preview_table(course.x, course.y, course.heading, course.curvature, course.width_left,
                                     course.width_right, course.spacing_m)  # fmt: skip
    before, earlier = random_actions(30, 1, 0.3), random_actions(30, 2, 0.3)
    batch.step(earlier)
    start = motion(batch)[:, 0]
    batch.step(before)
    for car in np.flatnonzero(batch.end == 0):
        s, lateral, error, v_x, v_y, yaw_rate, _, _ = motion(batch)[car]
        expected = np.zeros(race_track.OBSERVATION_SIZE)
        commands = batch.row(kernel.STEER_COMMAND)[car], batch.row(kernel.SPEED_COMMAND)[car]
        race_track.observe(v_x, v_y, yaw_rate, *commands, *before[car], *earlier[car], s, lateral, error,
                           table, 0, len(course.x), course.spacing_m, expected)  # fmt: skip
        np.testing.assert_allclose(batch.observation[car], expected, atol=2e-5)
        progress = (s - start[car]) % course.length_m
        assert batch.reward[car] == pytest.approx(race_track.reward(progress, False, 0.0), abs=2e-4)


def test_a_car_ends_where_its_body_touches_the_wall() -> None:
    batch = CarBatch(race_track, [circle(6.0, 1.0)], 64, seed=4, decisions_max=10_000)
    collisions = 0
    for call in range(120):
        batch.step(random_actions(64, call))
        for car in np.flatnonzero(batch.end == TERMINATED):
            left, right, sine = batch.last_observation[car, [9, 10, 11]] * [1, 1, 0.5]
            reach = CAR.half_length_m * abs(sine) + CAR.half_width_m * math.sqrt(1 - sine**2)
            touching = min(left, right) - reach
            assert -0.08 < touching < 1e-4 or batch.last_observation[car, 12] < -0.2
            assert batch.reward[car] < -race_track.COLLISION_PENALTY + 2.0
            collisions += 1
        running = batch.end == 0
        assert np.all(np.abs(batch.row(kernel.LATERAL)[running]) < 1.0 - CAR.half_width_m)
    assert collisions > 100


def test_an_episode_out_of_time_is_truncated_and_starts_anew() -> None:
    batch = CarBatch(race_track, COURSES, 8, seed=1, starts=STRAIGHT_ON, decisions_max=3)
    slow = np.tile(np.float32([0.0, -1.0]), (8, 1))
    for _ in range(2):
        batch.step(slow)
        assert not batch.end.any()
    batch.step(slow)
    assert np.all(batch.end == TRUNCATED)
    assert np.all(
        batch.last_observation[:, 0] < batch.observation[:, 0]
    )  # slowed down; then at the start's 2 m/s again
    np.testing.assert_allclose(batch.row(kernel.V_X), 2.0)
    np.testing.assert_array_equal(batch.observation[:, 5:9], 0.0)


def test_axles_are_spread_apart_if_that_is_asked_for() -> None:
    spread = Randomisation(0.0, 0.0, 0.0, 0.0, axle_grip=0.2)
    batch = CarBatch(race_track, COURSES, 4000, seed=6, car=replace(CAR, rear_grip_share=0.8), randomisation=spread)
    shares = np.stack([batch.row(kernel.FRONT_GRIP) / CAR.grip, batch.row(kernel.REAR_GRIP) / (0.8 * CAR.grip)])
    np.testing.assert_allclose(shares.min(axis=1), 0.8, atol=0.005)
    np.testing.assert_allclose(shares.max(axis=1), 1.2, atol=0.005)
    assert abs(np.corrcoef(shares)[0, 1]) < 0.1


def test_cars_and_starts_are_spread_as_asked() -> None:
    spread, starts = (
        Randomisation(grip=0.1, mass=0.2, delay_s=0.02, trim_rad=0.05),
        Starts(lateral=0.5, heading_rad=0.2),
    )
    pulls = replace(CAR, steer_trim_rad=0.02)
    batch = CarBatch(race_track, COURSES, 4000, seed=6, car=pulls, randomisation=spread, starts=starts)

    def check(row: np.unsignedinteger, low: float, high: float) -> None:
        values = batch.row(row)
        margin = 0.01 * (high - low)
        assert low - 1e-5 <= values.min() < low + margin
        assert high - margin < values.max() <= high + 1e-5
        assert values.mean() == pytest.approx((low + high) / 2, abs=3 * margin)

    check(kernel.FRONT_GRIP, 0.9 * CAR.grip, 1.1 * CAR.grip)
    np.testing.assert_array_equal(batch.row(kernel.FRONT_GRIP), batch.row(kernel.REAR_GRIP))
    check(kernel.MASS, 0.8 * CAR.mass_kg, 1.2 * CAR.mass_kg)
    check(kernel.TRIM, -0.03, 0.07)
    check(kernel.V_X, starts.speed_low_m_s, starts.speed_high_m_s)
    check(kernel.HEADING_ERROR, -0.2, 0.2)
    check(kernel.CHARGE, starts.charge_low, 1.0)
    delays = batch.counters[:, int(kernel.DELAY)].ravel()
    assert set(np.unique(delays)) == {2, 3, 4, 5, 6}
    assert len(np.unique(batch.row(kernel.LENGTH))) == len(COURSES)
    np.testing.assert_allclose(batch.row(kernel.INERTIA) / CAR.yaw_inertia_kg_m2, batch.row(kernel.MASS) / CAR.mass_kg,
                               rtol=1e-5)  # fmt: skip


def test_cars_stay_finite_whatever_they_are_asked() -> None:
    batch = CarBatch(race_track, COURSES, 64, seed=9, randomisation=Randomisation())
    wild = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, 1.0, -1.0])
    rng = np.random.default_rng(0)
    for _ in range(100):
        batch.step(rng.choice(wild, (64, 2)))
        assert np.all(np.isfinite(batch.observation))
        assert np.all(np.isfinite(batch.reward))


def test_a_delay_beyond_the_ring_is_refused() -> None:
    with pytest.raises(ValueError, match=r"actuation_s: found up to 0\.090 s, allowed up to 0\.070 s"):
        CarBatch(race_track, COURSES, 2, 1, randomisation=Randomisation(delay_s=0.05))


def test_the_dynamics_are_compiled_to_packed_single_precision() -> None:
    """Vector instructions on eight cars (ymm) or more; hardly any scalar or double-precision arithmetic beside them."""
    move = njit(**OPTIONS)(specialise(kernel.move, **supplied_names(race_track, LANES)))
    move.compile((float32[::1], uint32[::1], float32[::1], uint64))
    assembly = move.inspect_asm(move.signatures[0])
    packed = re.findall(r"\b(?:vmulps|vfn?m(?:add|sub)\d+ps)\s.*%[yz]mm", assembly)
    double = re.findall(r"\b(?:vmulsd|vmulpd|vfn?m(?:add|sub)\d+[sp]d|vcvtss2sd)\s", assembly)
    assert len(packed) > 200
    assert not double
