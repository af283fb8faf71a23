"""A policy that stays beside its goal, told so, does at the goal what it did there, whichever way the nose points."""

import math

import numpy as np
import pytest

from policies.actor import weight_count
from robot.robots.quadrotor.evaluation.evaluation import Network
from robot.robots.quadrotor.practising.leaning import along_heading, told_of
from robot.tasks import hover

LAYERS = (hover.OBSERVATION_SIZE + 4, 64, 64, 8)
LEAN_M = np.array([0.02, -0.01, 0.03])


def act(weights: np.ndarray, error_m: np.ndarray) -> np.ndarray:
    seen = np.linspace(-0.5, 0.5, LAYERS[0], dtype=np.float32)[:, None]
    place = hover.SPEC.seen["position_error"]
    seen[place, 0] = hover.OBSERVATION_SCALE[place] * error_m
    pilot, actions = Network(weights, LAYERS), np.zeros((4, 1), np.float32)
    pilot.begin(1)
    pilot.act(seen, actions)
    return actions[:, 0]


def test_it_does_at_the_goal_what_it_did_where_it_stayed():
    weights = np.random.default_rng(0).normal(0.0, 0.3, weight_count(LAYERS)).astype(np.float32)
    told = told_of(weights, LAYERS, hover, LEAN_M)
    there = act(weights, LEAN_M)
    assert act(told, np.zeros(3)) == pytest.approx(there, abs=1e-6)
    assert act(weights, np.zeros(3)) != pytest.approx(there, abs=1e-3)
    assert act(told_of(told, LAYERS, hover, -LEAN_M), LEAN_M) == pytest.approx(there, abs=1e-6)


@pytest.mark.parametrize("yaw_deg", [0.0, 90.0, -150.0])
def test_errors_are_told_along_the_heading_however_it_is_tilted(yaw_deg: float):
    half = 0.5 * math.radians(yaw_deg)
    tilted = np.array([math.cos(half) * 0.99, 0.0, 0.0, math.sin(half) * 0.99])
    ahead = np.array([[math.cos(2.0 * half), math.sin(2.0 * half), 0.5]])
    assert along_heading(ahead, tilted)[0] == pytest.approx([1.0, 0.0, 0.5])
