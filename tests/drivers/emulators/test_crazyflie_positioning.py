"""Positioning systems in flight: as good as their makers say, and as bad."""

import math
import struct

import numpy as np
import pytest

from drivers.emulators.crazyflie_body import Body
from drivers.emulators.crazyflie_estimator import VARIANCE_MIN
from drivers.emulators.crazyflie_positioning import (
    STATIONS_M,
    SYSTEMS,
    Filter,
    FlowDeck,
    Lighthouse,
    Past,
    normal_quantile,
    small_turn,
    sweep_angle,
)
from drivers.emulators.crazyflie_vices import Errors, Gaps, load_vices
from drivers.emulators.crtp import Port
from sim.quadrotor.model import N_STATE, load_parameters, rotation_matrix

VICES = load_vices()


def flown(make_drone, positioning: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors of position, m, and attitude, rad, of a firmware-flown drone that goes round for six seconds: (n, 3) each."""
    drone = make_drone(seed=seed, positioning=positioning)
    drone.wait(1.5)
    drone.arm()
    place = drone.body.estimate[:3].copy()
    for k in range(100):
        drone.stream(0.02, 7, *(place + (0.0, 0.0, 0.007 * k)), 0.0)
    errors, turns = [], []
    for k in range(300):
        x, y = 0.4 * math.sin(0.02 * k), 0.2 * math.sin(0.04 * k)
        drone.stream(0.02, 7, *(place + (x, y, 0.7)), 0.0)
        truth, estimate = drone.body.state, drone.body.estimate
        errors.append(estimate[:3] - truth[:3])
        off = np.array(rotation_matrix(*truth[3:7])).reshape(3, 3).T @ np.array(
            rotation_matrix(*estimate[9:13])
        ).reshape(3, 3)
        turns.append((off[2, 1], off[0, 2], off[1, 0]))
    assert drone.state == "FLYING"
    return np.array(errors), np.array(turns)


# Root mean squares over seeds: at least, at most, m.
@pytest.mark.parametrize(
    ("positioning", "least_m", "most_m"),
    [("lighthouse", 0.005, 0.05), ("flow", 0.01, 0.25), ("loco", 0.03, 0.2), ("motion-capture", 0.002, 0.03)],
)
def test_estimates_are_as_bad_as_the_systems_are(make_drone, positioning: str, least_m: float, most_m: float):
    flights = [flown(make_drone, positioning, seed) for seed in range(2)]
    off_m = math.sqrt(np.mean([(errors**2).sum(axis=1).mean() for errors, _ in flights]))
    tilt_deg = math.degrees(math.sqrt(np.mean([(turns[:, :2] ** 2).sum(axis=1).mean() for _, turns in flights])))
    assert least_m < off_m < most_m
    assert 0.1 < tilt_deg < 4.0


def test_a_drone_without_vices_knows_where_it_is(make_drone):
    drone = make_drone(noise=0.0)
    drone.climb(0.7)
    assert drone.body.estimate[:3] == pytest.approx(drone.body.state[:3], abs=0.01)
    assert drone.body.variance(0) == VARIANCE_MIN


def test_a_drone_that_nothing_positions_is_lost_until_the_host_tells_it(make_drone):
    drone = make_drone(positioning="none", start=(1.0, -0.5, 0.0))
    drone.wait(4.0)
    lost_m = math.dist(drone.body.estimate[:3], drone.position)
    spread = drone.body.variance(0)
    for _ in range(100):
        drone.ask(Port.LOCALIZATION, 0, struct.pack("<3f", 1.0, -0.5, 0.0))
        drone.wait(0.01)
    assert lost_m > 0.5 and spread > 1.0
    assert math.dist(drone.body.estimate[:3], drone.position) < 0.1 and drone.body.variance(0) < 1e-3


def test_an_unknown_system_is_refused_by_name():
    with pytest.raises(ValueError, match="positioning: found 'gps', allowed: lighthouse"):
        Body(load_parameters(), np.random.default_rng(0), positioning="gps")
    assert len(SYSTEMS) == 5


def test_gaps_come_as_often_and_last_as_long_as_stated():
    gaps = Gaps(Errors(np.random.default_rng(0), 1.0), 5.0, (0.05, 0.2))
    away = np.array([gaps.now(0.001 * k, 0.001) for k in range(300_000)])
    starts = np.flatnonzero(np.diff(away.astype(int)) == 1)
    assert 35 < len(starts) < 85
    assert away.sum() * 0.001 / len(starts) == pytest.approx(0.125, abs=0.03)


def test_sweeps_have_the_gradient_that_they_say():
    turn = small_turn(np.array([0.1, -0.05, 0.2]))
    place, h = np.array([1.7, 0.4, -0.8]), 1e-6
    for tilt in (-math.pi / 6, math.pi / 6):
        _, gradient, _ = sweep_angle(place, np.zeros(3), turn, tilt)
        steps = [sweep_angle(place + h * e, np.zeros(3), turn, tilt)[0] for e in np.eye(3)]
        back = [sweep_angle(place - h * e, np.zeros(3), turn, tilt)[0] for e in np.eye(3)]
        assert (np.array(steps) - back) / (2 * h) == pytest.approx(gradient, abs=1e-6)


def test_a_base_station_behind_the_tilted_deck_is_not_seen():
    deck = Lighthouse(VICES.lighthouse, Errors(np.random.default_rng(0), 1.0))
    level = np.eye(1, N_STATE, 3)[0]
    away = level.copy()
    to_station = STATIONS_M[0, :2] / np.linalg.norm(STATIONS_M[0, :2])
    axis = np.array([to_station[1], -to_station[0]])  # turning about it dips the side that is away
    away[3], away[4:6] = math.cos(0.35), math.sin(0.35) * axis
    assert deck._sees(level, 0) and deck._sees(level, 1)
    assert {deck._sees(away, 0), deck._sees(away, 1)} == {True, False}


def test_a_floor_with_nothing_to_see_gives_no_flow():
    deck = FlowDeck(VICES.flow, Errors(np.random.default_rng(0), 1.0))
    places = np.random.default_rng(1).uniform(-4.0, 4.0, (4000, 2))
    textures = np.array([deck.texture(x, y) for x, y in places])
    blind = textures < normal_quantile(VICES.flow.floor_bad_share)
    assert blind.mean() == pytest.approx(VICES.flow.floor_bad_share, abs=0.025) and blind.any()
    state = np.eye(1, N_STATE, 3)[0]
    state[2] = 0.7
    for place, sees in ((places[blind][0], False), (places[np.argmax(textures)], True)):
        estimate = Filter(np.zeros(3), 0.0)
        estimate.p[3, 3] = 1.0
        state[:2] = place
        deck._look(Past(state), np.zeros(3), estimate)
        assert (estimate.p[3, 3] < 1.0) == sees
