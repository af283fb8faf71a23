"""An actor comes to do what it is shown, and the same way again."""

import numpy as np

from policies.actor import Actor, actor_layers, initial_weights
from policies.imitation import Imitation

LAYERS = actor_layers(6, 2, (16, 16))


def imitated(steps: int) -> Imitation:
    rng = np.random.default_rng(1)
    imitation = Imitation(LAYERS, initial_weights(LAYERS, rng), 32)
    for _ in range(steps):
        seen = rng.standard_normal((32, 6), np.float32)
        imitation.step(seen, np.tanh(seen[:, :2] - 0.5 * seen[:, 2:4]), 5e-3)
    return imitation


def test_it_comes_to_do_what_it_is_shown() -> None:
    seen = np.random.default_rng(2).standard_normal((200, 6), np.float32)
    shown = np.tanh(seen[:, :2] - 0.5 * seen[:, 2:4])

    def off(steps: int) -> float:
        actor = Actor(LAYERS, imitated(steps).weights)
        return float(np.mean([np.abs(actor.mean(row) - action) for row, action in zip(seen, shown, strict=True)]))

    assert off(0) > 0.4 and off(600) < 0.08


def test_it_leaves_the_weights_it_was_given_and_does_the_same_again() -> None:
    given = initial_weights(LAYERS, np.random.default_rng(0))
    kept = given.copy()
    Imitation(LAYERS, given, 4).step(np.ones((4, 6), np.float32), np.ones((4, 2), np.float32), 1e-2)
    assert given.tobytes() == kept.tobytes()
    assert imitated(30).weights.tobytes() == imitated(30).weights.tobytes()
