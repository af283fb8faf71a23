"""l2f's simulator moves a quadrotor of ours as our own equations do."""

import json
from dataclasses import replace

import numpy as np
import pytest

from robot.bench.l2f_conventions import l2f_parameters
from sim.quadrotor.model import load_parameters
from sim.quadrotor.reference import ReferenceQuadrotor

l2f = pytest.importorskip("l2f")

PLAIN = replace(
    load_parameters("x500"), drag_across_n_s_m=0.0, drag_along_n_s_m=0.0,
    battery_v=1.0, battery_nominal_v=1.0, battery_sag_v_n=0.0, latency_s=0.0,
)  # fmt: skip


def test_both_fly_one_path() -> None:
    device, environment, rng = l2f.Device(), l2f.Environment(), l2f.Rng()
    parameters, state, after = l2f.Parameters(), l2f.State(), l2f.State()
    l2f.initialize_environment(device, environment)
    l2f.initialize_rng(device, rng, 5)
    l2f.initial_parameters(device, environment, parameters)
    others = json.loads(l2f.parameters_to_json(device, environment, parameters))
    written = json.dumps(l2f_parameters(PLAIN.packed(), 0.0, others))
    l2f.parameters_from_json(device, environment, written, parameters)
    l2f.sample_initial_state(device, environment, parameters, state, rng)

    def place() -> np.ndarray:
        return np.concatenate(
            [state.position, state.orientation, state.linear_velocity, state.angular_velocity, state.rpm]
        )

    ours = ReferenceQuadrotor(PLAIN, place())
    for actions in np.random.default_rng(6).uniform(-1.0, 1.0, (100, 4)).astype(np.float32):
        l2f.step(device, environment, parameters, state, actions.tolist(), after, rng)
        state.assign(after)
        ours.step(actions)
    np.testing.assert_allclose(place(), ours.state, rtol=1e-3, atol=1e-3)
