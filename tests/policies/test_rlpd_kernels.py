"""The learner's kernels: every forward pass and gradient against torch, sampling against a plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.actor import actor_layers, initial_weights, raw_log_std, weight_count
from policies.replay import Memory, transition_dtype
from policies.rlpd_kernels import (
    actor_backward,
    actor_forward,
    actor_output_gradient,
    adam,
    critic_action_gradient,
    critic_backward,
    critic_forward,
    critic_size,
    gather,
    polyak,
    sample_actions,
)
from robot.bench.learner import Critic, Policy
from robot.tasks.race_track.task import SPEC

N, M, H, BATCH = 50, 2, 32, 24
RACE_TRACK = MIRROR_COLUMNS, MIRROR_SIGN, MIRROR_ACTION_SIGN = SPEC.mirror


def normal(rng, *shape):
    return rng.standard_normal(shape, np.float32)


def assert_close(ours, theirs, share=2e-5):
    """Equal to `share` of the largest entry: float32 sums differ in their order."""
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, atol=share * max(1e-3, np.abs(theirs).max()), rtol=1e-4)


def critic_space():
    keep = (
        *(np.zeros((BATCH, H), np.float32) for _ in range(5)),
        np.zeros(BATCH, np.float32),
        np.zeros(BATCH, np.float32),
    )
    return keep, np.zeros((BATCH, H), np.float32), np.zeros(BATCH, np.float32)


@pytest.fixture(params=range(3))
def critic(request):
    """(flat weights, the same critic in torch, observation, action, d_value)"""
    rng = np.random.default_rng(request.param)
    weights = 0.3 * normal(rng, critic_size(N, M, H))
    module = Critic(N, M, H)
    module.set_flat(weights)
    np.testing.assert_array_equal(module.flat(), weights)
    return weights, module, normal(rng, BATCH, N), normal(rng, BATCH, M), normal(rng, BATCH)


def test_values_are_torchs(critic):
    weights, module, observation, action, _ = critic
    keep, _, value = critic_space()
    critic_forward(weights, observation, action, keep, value)
    assert_close(value, module(torch.tensor(observation), torch.tensor(action)).detach())


def test_every_gradient_of_a_critics_weights_is_autograds(critic):
    weights, module, observation, action, d_value = critic
    keep, scratch, value = critic_space()
    critic_forward(weights, observation, action, keep, value)
    gradient = np.full_like(weights, np.nan)
    critic_backward(weights, observation, action, keep, d_value, scratch, gradient)
    (module(torch.tensor(observation), torch.tensor(action)) * torch.tensor(d_value)).sum().backward()
    for parameter in module.parameters():
        parameter.data = parameter.grad  # so that `flat` lays the gradient out
    assert_close(gradient, module.flat())


def test_gradient_of_the_action_is_autograds_and_adds_up(critic):
    weights, module, observation, action, _ = critic
    keep, scratch, value = critic_space()
    d_action = np.ones((BATCH, M), np.float32)
    critic_forward(weights, observation, action, keep, value)
    critic_action_gradient(weights, observation, action, keep, np.float32(-0.25), scratch, d_action)
    wanted = torch.tensor(action, requires_grad=True)
    (-0.25 * module(torch.tensor(observation), wanted)).sum().backward()
    assert_close(d_action - 1, wanted.grad, 1e-4)


def make_actor(seed):
    rng = np.random.default_rng(seed)
    layers = actor_layers(N, M, (H, H))
    weights = initial_weights(layers, rng) + 0.1 * normal(rng, weight_count(layers))
    module = Policy(layers)
    module.set_flat(weights)
    space = tuple(np.zeros(shape, np.float32) for shape in ((BATCH, H), (BATCH, H), (BATCH, 2 * M)))
    return rng, weights, module, space


@pytest.mark.parametrize("seed", range(3))
def test_every_gradient_of_the_actors_loss_is_autograds(seed):
    """The whole loss: alpha log likelihood, the critics' pull on the action, and the anchor."""
    rng, weights, module, (h1, h2, out) = make_actor(seed)
    observation, noise, pull = normal(rng, BATCH, N), normal(rng, BATCH, M), normal(rng, BATCH, M)
    anchor_action, alpha, anchor = np.tanh(normal(rng, BATCH, M)), np.float32(0.2), np.float32(0.7)

    action, log_likelihood, std = np.zeros((BATCH, M), np.float32), np.zeros(BATCH, np.float32), np.zeros_like(noise)
    actor_forward(weights, observation, h1, h2, out)
    sample_actions(out, noise, action, log_likelihood, std)
    d_out, gradient = np.zeros_like(out), np.full_like(weights, np.nan)
    actor_output_gradient(out, noise, action, std, pull / BATCH, alpha, anchor_action, anchor, d_out)
    actor_backward(weights, observation, h1, h2, d_out, np.zeros_like(h1), np.zeros_like(h1), gradient)

    taken, likelihood, mean = module.sample(torch.tensor(observation), torch.tensor(noise))
    assert_close(action, taken.detach())
    assert_close(log_likelihood, likelihood.detach())
    climb = (alpha * likelihood + (torch.tensor(pull) * taken).sum(1)).mean()
    (climb + anchor * ((mean - torch.tensor(anchor_action)) ** 2).sum(1).mean()).backward()
    for parameter in module.parameters():
        parameter.data = parameter.grad
    assert_close(gradient, module.flat(), 1e-4)


def test_the_likelihood_of_saturated_actions_is_finite():
    out = np.array([[30.0, -30.0, raw_log_std(0.5), raw_log_std(2.0)]], np.float32)
    action, log_likelihood, std = np.zeros((1, 2), np.float32), np.zeros(1, np.float32), np.zeros((1, 2), np.float32)
    sample_actions(out, np.zeros((1, 2), np.float32), action, log_likelihood, std)
    assert np.isfinite(log_likelihood).all()
    np.testing.assert_allclose(std, [[0.5, 2.0]], rtol=1e-5)


def test_adam_is_torchs():
    rng = np.random.default_rng(0)
    weights, mean, square = normal(rng, 500), np.zeros(500, np.float32), np.zeros(500, np.float32)
    parameter = torch.tensor(weights.copy(), requires_grad=True)
    optimiser = torch.optim.Adam([parameter], 3e-3)
    for step in range(1, 30):
        gradient = normal(rng, 500)
        adam(weights, gradient, mean, square, step, 3e-3)
        parameter.grad = torch.tensor(gradient)
        optimiser.step()
    np.testing.assert_allclose(weights, parameter.detach(), atol=3e-6)


def test_polyak_moves_a_share_of_the_way():
    target, weights = np.array([1.0, 2.0], np.float32), np.array([3.0, 0.0], np.float32)
    polyak(target, weights, np.float32(0.25))
    np.testing.assert_allclose(target, [1.5, 1.5])


def random_memory(rng, count, capacity=40):
    transitions = np.zeros(count, transition_dtype(N, M))
    for name in ("observation", "next_observation", "action", "proposed", "reward"):
        transitions[name] = rng.standard_normal(transitions[name].shape)
    transitions["step"] = np.arange(count)
    for flag in ("terminated", "truncated", "overridden"):
        transitions[flag] = rng.random(count) < 0.15
    memory = Memory(capacity, N, M)
    memory.add(transitions)
    return transitions, memory


def sample(memory, rows, coins, n_step, gamma=0.9, refusal_cost=0.0):
    k = len(rows)
    batch = tuple(np.zeros(shape, np.float32) for shape in ((k, N), (k, M), (k,), (k,), (k, N)))
    gather(rows, coins, memory.observation, memory.action, memory.proposed, memory.reward, memory.next_observation,
           memory.terminated, memory.follows, n_step, np.float32(gamma), np.float32(refusal_cost), *RACE_TRACK, 0,
           *batch)  # fmt: skip
    return batch


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(5, 90), st.integers(1, 5))
def test_n_step_returns_are_those_of_a_plain_loop(seed, count, n_step):
    transitions, memory = random_memory(np.random.default_rng(seed), count)
    oldest = max(0, count - memory.capacity)
    steps = np.arange(oldest, count)
    observation, action, returns, discounts, following = sample(
        memory, steps % memory.capacity, np.zeros(len(steps), np.uint8), n_step
    )
    for i, step in enumerate(steps):
        total, discount, last = 0.0, 1.0, step
        while True:
            total += discount * transitions["reward"][last]
            discount *= 0.9
            ended = transitions["terminated"][last] or transitions["truncated"][last]
            if ended or last + 1 == count or last + 1 - step == n_step or transitions["overridden"][last + 1]:
                break
            last += 1
        assert returns[i] == pytest.approx(total, abs=1e-5)
        assert discounts[i] == pytest.approx(0.0 if transitions["terminated"][last] else discount, abs=1e-6)
        np.testing.assert_array_equal(following[i], transitions["next_observation"][last])
        np.testing.assert_array_equal(observation[i], transitions["observation"][step])
        np.testing.assert_array_equal(action[i], transitions["action"][step])


def test_coins_choose_the_mirror_and_the_proposed_action():
    transitions, memory = random_memory(np.random.default_rng(5), 20)
    rows = np.full(4, 7)
    observation, action, _, _, following = sample(memory, rows, np.array([0, 1, 2, 3], np.uint8), 1)
    seen, executed, proposed = (transitions[name][7] for name in ("observation", "action", "proposed"))
    mirrored = seen[MIRROR_COLUMNS] * MIRROR_SIGN
    np.testing.assert_array_equal(observation, [seen, mirrored, seen, mirrored])
    np.testing.assert_array_equal(
        action, [executed, executed * MIRROR_ACTION_SIGN, proposed, proposed * MIRROR_ACTION_SIGN]
    )
    np.testing.assert_array_equal(following[1], following[0][MIRROR_COLUMNS] * MIRROR_SIGN)


def test_a_refused_proposal_costs_by_how_far_it_was_changed():
    transitions, memory = random_memory(np.random.default_rng(7), 30)
    rows = np.arange(30)
    changed = np.abs(transitions["proposed"] - transitions["action"]).max(1)
    for n_step in (1, 3):
        for coin, cost in ((0, 0.0), (1, 0.0), (2, 0.5), (3, 0.5)):
            coins = np.full(30, coin, np.uint8)
            free, charged = (sample(memory, rows, coins, n_step, refusal_cost=each) for each in (0.0, 0.5))
            np.testing.assert_allclose(charged[2], free[2] - cost * changed, atol=1e-6)
            np.testing.assert_array_equal(charged[3], free[3])


def test_in_the_mirror_a_return_ends_in_the_mirrored_last_observation():
    transitions, memory = random_memory(np.random.default_rng(6), 20)
    rows = np.arange(15)
    plain, mirrored = (sample(memory, rows, np.full(15, coin, np.uint8), 3) for coin in (0, 1))
    assert not np.array_equal(plain[4], transitions["next_observation"][:15])  # most run on
    np.testing.assert_array_equal(mirrored[4], plain[4][:, MIRROR_COLUMNS] * MIRROR_SIGN)
    np.testing.assert_array_equal(mirrored[2], plain[2])
