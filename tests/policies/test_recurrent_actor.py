"""The actor with memory: its step against plain NumPy in float64, its memory the caller's, its weights in their places."""

import numpy as np
import pytest

from policies.recurrent_actor import (
    RecurrentActor,
    RecurrentLayers,
    initial_weights,
    largest_output,
    memory_field,
    weight_count,
    weight_slices,
    weight_views,
)

LAYERS = RecurrentLayers(inputs=22, encoder=16, memory=16, actions=4)


def weights(seed: int, layers: RecurrentLayers = LAYERS) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fresh = initial_weights(layers, rng)
    return fresh + 0.2 * rng.standard_normal(fresh.size).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def reference(flat: np.ndarray, layers: RecurrentLayers, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A step in float64, read from the flat vector without the code under test."""
    n, e, m, a = layers
    sizes = [(e, n), (3 * m, e), (3 * m, m), (a, m), (a, e), (e, 1), (3 * m, 1), (m, 1), (a, 1)]
    parts, at = [], 0
    for rows, columns in sizes:
        parts.append(flat[at : at + rows * columns].reshape(rows, columns).astype(float))
        at += rows * columns
    assert at == len(flat)
    we, wi, wh, wo, ws = parts[:5]
    be, bi, bh, bo = (part[:, 0] for part in parts[5:])
    encoded = np.tanh(we @ x + be)
    seen, recalled = wi @ encoded + bi, wh @ h
    r, z = sigmoid(seen[:m] + recalled[:m]), sigmoid(seen[m : 2 * m] + recalled[m : 2 * m])
    c = np.tanh(seen[2 * m :] + r * (recalled[2 * m :] + bh))
    h = (1.0 - z) * c + z * h
    return np.tanh(wo @ h + ws @ encoded + bo), h


@pytest.mark.parametrize("layers", [LAYERS, RecurrentLayers(7, 5, 3, 2)])
def test_steps_agree_with_float64_over_a_flight(layers: RecurrentLayers) -> None:
    flat, rng = weights(1, layers), np.random.default_rng(2)
    actor = RecurrentActor(layers, flat)
    memory, exact = actor.initial_memory(), np.zeros(layers.memory)
    for _ in range(300):
        x = rng.standard_normal(layers.inputs).astype(np.float32)
        action, memory = actor.step(x, memory)
        wanted, exact = reference(flat, layers, x.astype(float), exact)
        assert action.dtype == memory.dtype == np.float32
        np.testing.assert_allclose(action, wanted, atol=2e-6)
        np.testing.assert_allclose(memory, exact, atol=2e-6)


def test_the_probes_sizes_are_2100_parameters_and_lie_side_by_side() -> None:
    assert weight_count(LAYERS) == 2100
    places = list(weight_slices(LAYERS).values())
    assert [places[0].start, *(place.stop for place in places)] == [
        0,
        352,
        1120,
        1888,
        1952,
        2016,
        2032,
        2080,
        2096,
        2100,
    ]
    flat = weights(3)
    weight_views(flat, LAYERS)["act_bias"][1] = 7.0
    assert flat[2097] == 7.0


def test_a_step_leaves_the_memory_it_was_given_and_is_the_same_again() -> None:
    actor, x = RecurrentActor(LAYERS, weights(4)), np.linspace(-1.0, 1.0, 22, dtype=np.float32)
    memory = actor.initial_memory()
    first = actor.step(x, memory)
    assert not memory.any()
    actor.step(-x, first[1])
    again = actor.step(x, memory)
    assert [one.tobytes() for one in first] == [one.tobytes() for one in again]
    assert actor.step(x, first[1])[0].tobytes() != first[0].tobytes()  # what it does depends on what it remembers


def test_the_memory_stays_within_its_field() -> None:
    actor, rng, field = RecurrentActor(LAYERS, 5.0 * weights(5)), np.random.default_rng(6), memory_field(LAYERS)
    memory = actor.initial_memory()
    for _ in range(200):
        _, memory = actor.step(rng.standard_normal(22).astype(np.float32) * 1e3, memory)
        assert (memory >= field.low).all() and (memory <= field.high).all()


def test_what_is_not_a_number_comes_out_and_stays() -> None:
    actor = RecurrentActor(LAYERS, weights(7))
    x = np.zeros(22, np.float32)
    action, memory = actor.step(np.where(np.arange(22) == 3, np.nan, x).astype(np.float32), actor.initial_memory())
    assert np.isnan(action).all()
    assert np.isnan(actor.step(x, memory)[0]).all()


def test_no_sum_is_larger_than_the_largest() -> None:
    flat = weights(8)
    part = weight_views(flat, LAYERS)
    assert largest_output(flat, LAYERS) >= 1e4 * np.abs(part["encoder"]).sum(1).max()
    part["seen"][:] = 0.0
    part["seen"][0] = 1e20
    assert largest_output(flat, LAYERS) == pytest.approx(16e20)


@pytest.mark.parametrize(
    ("layers", "size", "told"),
    [
        ((22, 16, 16, 4), 2099, r"weights have shape \(2099,\), recurrent layers \(22, 16, 16, 4\) need \(2100,\)"),
        ((22, 16, 0, 4), 2100, "need .inputs, encoder, memory, actions., 1 or more"),
        ((4, 16, 16, 4), 2100, "more inputs than actions"),
    ],
)
def test_other_layers_and_weights_are_refused(layers: tuple[int, ...], size: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RecurrentActor(RecurrentLayers(*layers), np.zeros(size, np.float32))
    with pytest.raises(ValueError, match="finite"):
        RecurrentActor(LAYERS, np.full(2100, np.inf, np.float32))
