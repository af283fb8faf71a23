"""Hovering: what is seen, what is paid, when it ends."""

import math

import numpy as np
import pytest

from robot.tasks import hover

LEVEL = (0.1, -0.2, 0.3, 1.0, 0.0, 0.0, 0.0, 1.0, -2.0, 3.0, 10.0, -20.0, 30.0, 0.5, 0.5, 0.5, 0.5)
NOTHING = np.zeros(1)


def state(**changes: float) -> tuple[float, ...]:
    rest = dict(zip(("x", "y", "z", "q_w", "q_x", "q_y", "q_z", "v_x", "v_y", "v_z", "w_x", "w_y", "w_z"),
                    (0.0, 0.0, 0.0, 1.0) + (0.0,) * 9, strict=True))  # fmt: skip
    return (*(rest | changes).values(), 0.5, 0.5, 0.5, 0.5)


def test_the_observation_is_the_scaled_state_with_its_rotation_matrix() -> None:
    out = np.zeros((hover.OBSERVATION_SIZE, 3))
    hover.observe.py_func(LEVEL, 0.0, out.reshape(-1), 0, 1, 3)
    expected = [0.1, -0.2, 0.3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1.0, -2.0, 3.0, 10.0, -20.0, 30.0]
    np.testing.assert_allclose(out[:, 1], np.array(expected) * hover.OBSERVATION_SCALE)
    np.testing.assert_array_equal(out[:, [0, 2]], 0.0)


def test_turned_left_by_a_quarter_the_body_looks_along_y() -> None:
    out = np.zeros(hover.OBSERVATION_SIZE)
    hover.observe.py_func(state(q_w=math.sqrt(0.5), q_z=math.sqrt(0.5)), 0.0, out, 0, 0, 1)
    np.testing.assert_allclose(out[3:12].reshape(3, 3) @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


def test_the_reward_is_the_published_one() -> None:
    def paid(s: tuple[float, ...], a: tuple[float, ...]) -> float:
        return hover.reward.py_func(s, a, 0.334, hover.REWARD_WEIGHTS, 0.0, NOTHING, 0, 1)

    assert paid(state(), (0.334,) * 4) == 2.0
    tilted = state(x=0.1, z=-0.2, q_w=math.sqrt(0.9), q_x=math.sqrt(0.1), v_y=3.0, w_z=9.0)
    assert paid(tilted, (0.334, 0.334, 0.334, -0.666)) == pytest.approx(
        2.0 - 0.5 * (5 * 0.05 + 5 * 0.1 + 0.01 * 9.0 + 0.01 * 1.0)
    )


@pytest.mark.parametrize(
    ("changes", "ended"),
    [({}, False), ({"x": 0.59, "y": -0.59, "z": 0.59}, False), ({"x": 0.61}, True), ({"y": -0.61}, True),
     ({"z": 0.61}, True), ({"v_x": 1001.0}, True), ({"w_z": -1001.0}, True), ({"x": math.nan}, True),
     ({"w_y": math.nan}, True)],
)  # fmt: skip
def test_an_episode_ends_outside_the_box_and_beyond_all_meaning(changes: dict[str, float], ended: bool) -> None:
    assert hover.ends.py_func(state(**changes), 0.0, NOTHING, 0, 1) == ended
