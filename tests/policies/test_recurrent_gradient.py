"""The batched actor with memory: its steps beside a single actor's, its gradient beside torch's."""

import numpy as np
import pytest
import torch

from policies.recurrent_actor import RecurrentActor, RecurrentLayers, initial_weights, weight_count
from policies.recurrent_gradient import (
    Gates,
    Parts,
    backward,
    build_forward,
    forward,
    gates_for,
    matrices,
    parts,
    room_for,
    zero_parts,
)

SMALL = RecurrentLayers(inputs=5, encoder=4, memory=3, actions=2)
USUAL = RecurrentLayers(inputs=22, encoder=16, memory=16, actions=4)
N, STEPS = 3, 4


def some_weights(layers: RecurrentLayers, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return initial_weights(layers, rng) + rng.normal(0.0, 0.3, weight_count(layers)).astype(np.float32)


def test_many_decide_as_one_does() -> None:
    """Over a hundred steps; a product's sums, which BLAS takes in another order, differ in their last bits."""
    weights, rng, n = some_weights(USUAL, 1), np.random.default_rng(2), 8
    actor, step = RecurrentActor(USUAL, weights), build_forward()
    memory, after, action = (np.zeros((k, n), np.float32) for k in (16, 16, 4))
    encoded, gates, room = np.zeros((16, n), np.float32), gates_for(USUAL, n), room_for(USUAL, n)
    memories = [actor.initial_memory() for _ in range(n)]
    for _ in range(100):
        x = rng.normal(size=(22, n)).astype(np.float32)
        step(parts(weights, USUAL), x, memory, encoded, gates, after, action, room)
        memory, after = after, memory
        for k in range(n):
            expected, memories[k] = actor.step(np.ascontiguousarray(x[:, k]), memories[k])
            np.testing.assert_allclose(action[:, k], expected, atol=5e-6)
            np.testing.assert_allclose(memory[:, k], memories[k], atol=5e-6)


def torch_actions(weights: dict[str, torch.Tensor], x: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    """Actions, and the first numbers of the memory in the end, (STEPS + 1, actions, N): by torch alone."""
    actions, size = [], memory.shape[0]
    for t in range(STEPS):
        e = torch.tanh(weights["encoder"] @ x[t] + weights["encoder_bias"][:, None])
        seen, recalled = weights["seen"] @ e + weights["seen_bias"][:, None], weights["recalled"] @ memory
        r = torch.sigmoid(seen[:size] + recalled[:size])
        z = torch.sigmoid(seen[size : 2 * size] + recalled[size : 2 * size])
        c = torch.tanh(seen[2 * size :] + r * (recalled[2 * size :] + weights["recalled_bias"][:, None]))
        memory = (1.0 - z) * c + z * memory
        out = weights["act_recalled"] @ memory + weights["act_seen"] @ e + weights["act_bias"][:, None]
        actions.append(torch.tanh(out))
    return torch.stack([*actions, memory[: SMALL.actions]])


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_through_several_steps_is_that_of_torch(seed: int) -> None:
    """In double precision: by the weights, by what is seen, and by the memory before."""
    rng = np.random.default_rng(seed)
    flat = some_weights(SMALL, seed).astype(np.float64)
    weights, x, first = parts(flat, SMALL), rng.normal(size=(STEPS, 5, N)), rng.uniform(-1.0, 1.0, (3, N))
    prices = rng.normal(size=(STEPS + 1, 2, N))  # of the actions, and of the last memory's first two numbers

    def double(part: np.ndarray) -> np.ndarray:
        return np.zeros_like(part, np.float64)

    room = room_for(SMALL, N)
    scratch = room._replace(**{name: double(part) for name, part in room._asdict().items() if name != "products"},
                            products=Parts(*map(double, room.products)))  # fmt: skip
    gradient, memories = Parts(*map(double, zero_parts(SMALL))), [first]
    tape = []
    for t in range(STEPS):
        encoded, gates = np.zeros((4, N)), Gates(*map(double, gates_for(SMALL, N)))
        after, action = np.zeros((3, N)), np.zeros((2, N))
        forward(weights, x[t], memories[t], encoded, gates, after, action, scratch)
        memories.append(after)
        tape.append((encoded, gates, action))
    d_memory, d_x = np.zeros((3, N)), np.zeros((STEPS, 5, N))
    d_memory[:2] = prices[STEPS]
    for t in reversed(range(STEPS)):
        encoded, gates, action = tape[t]
        backward(weights, x[t], memories[t], encoded, gates, memories[t + 1], action, prices[t].copy(), d_memory, d_x[t],
                 gradient, scratch)  # fmt: skip

    named = {name: torch.tensor(part, requires_grad=True) for name, part in weights._asdict().items()}
    seen, before = torch.tensor(x, requires_grad=True), torch.tensor(first, requires_grad=True)
    (torch_actions(named, seen, before) * torch.tensor(prices)).sum().backward()
    for name, part in gradient._asdict().items():
        np.testing.assert_allclose(part, named[name].grad.numpy(), atol=2e-5, err_msg=name)
    np.testing.assert_allclose(d_x, seen.grad.numpy(), atol=2e-5)
    np.testing.assert_allclose(d_memory, before.grad.numpy(), atol=2e-5)


def test_muons_matrices_are_views_of_all_weights_between_hidden_numbers() -> None:
    flat = np.zeros(weight_count(USUAL), np.float32)
    found = matrices(flat, USUAL)
    assert [matrix.shape for matrix in found] == [(16, 22), *[(16, 16)] * 6]
    for matrix in found:
        matrix += 1.0
    named = parts(flat, USUAL)
    assert all((part == 1.0).all() for part in named[:3]) and not any(part.any() for part in named[3:])
