"""PPO and TD3: their gradients are torch's, their rules the published ones, and PPO gets better in seconds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.actor import weight_views
from robot.robots.quadrotor.evaluation.evaluation import Network, evaluate
from robot.robots.quadrotor.training.experience import N_PRIVILEGED
from robot.robots.quadrotor.training.ppo import Ppo, PpoRecipe, advantages
from robot.robots.quadrotor.training.td3 import Td3, Td3Recipe, improve_actor, improve_critics, pay, sample
from robot.tasks import hover
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.kernel import RUNNING, TERMINATED, TRUNCATED
from sim.quadrotor.model import load_parameters

QUADROTOR = load_parameters()
SMALL = Td3Recipe(iterations=60, critic_warm_up=1600, actor_warm_up=1600, batch=32, history=8)


def learner(kind, recipe, seed=0):
    return kind(hover, [QUADROTOR], hover.STARTS, SensorNoise(), seed, recipe)


def test_ppo_learns_to_stay_in_the_air():
    ppo = learner(Ppo, PpoRecipe())
    first = evaluate(Network(ppo.weights, ppo.layers), seed=1, episodes=64)
    for _ in range(120):
        ppo.iterate()
    assert first.survival < 0.2
    assert evaluate(Network(ppo.weights, ppo.layers), seed=1, episodes=64).survival > 0.8


@pytest.mark.parametrize(("kind", "recipe"), [(Ppo, PpoRecipe()), (Td3, SMALL)])
def test_the_same_seed_gives_the_same_weights(kind, recipe):
    results = []
    for seed in (3, 3, 4):
        found = learner(kind, recipe, seed)
        for _ in range(12):
            found.iterate()
        results.append(found.weights.tobytes())
    assert results[0] == results[1] != results[2]


def test_advantages_are_sums_of_discounted_surprises():
    rewards = np.array([[1.0], [2.0], [3.0]], np.float32)
    values = np.array([[0.5], [1.5], [2.5], [4.0]], np.float32)
    out = np.empty_like(rewards)
    surprise = [1.0 + 0.9 * 1.5 - 0.5, 2.0 + 0.9 * 2.5 - 1.5, 3.0 + 0.9 * 4.0 - 2.5]
    for end, expected in (
        (
            RUNNING,
            [surprise[0] + 0.72 * (surprise[1] + 0.72 * surprise[2]), surprise[1] + 0.72 * surprise[2], surprise[2]],
        ),
        (TERMINATED, [surprise[0] + 0.72 * 0.5, 0.5, surprise[2]]),
        (TRUNCATED, [surprise[0] + 0.72 * (2.0 + 0.9 * 1.5 - 1.5), 2.0 + 0.9 * 1.5 - 1.5, surprise[2]]),
    ):
        ends = np.array([[RUNNING], [end], [RUNNING]], np.uint32)
        advantages(rewards, ends, values, 0.9, 0.8, out)
        np.testing.assert_allclose(out[:, 0], expected, rtol=1e-5)


@pytest.fixture(scope="module")
def flown():
    """A TD3 learner that has flown, and learned a little, with a batch of transitions sampled."""
    td3 = learner(Td3, SMALL)
    for _ in range(30):
        td3.iterate()
    return td3


def fill(td3, rng):
    drones, times = rng.integers(0, td3.drones.n, 32), rng.integers(1, td3.decisions - 1, 32)
    prices = td3.recipe.reward_weights_after(0)
    sample(td3.memory, drones, times, prices, td3.hover_action, td3.start_action, np.float32(0.99), td3.batch)
    return drones, times


def test_what_is_remembered_is_what_was_seen_and_paid():
    """Against the rows of the drones themselves, and the reward of the task, without noise."""
    td3 = Td3(hover, [QUADROTOR], hover.STARTS, SensorNoise(0.0, 0.0, 0.0, 0.0), 0, SMALL)
    rows, rewards = [], []
    for _ in range(45):
        rows.append(td3.drones.rows.copy())
        td3.recipe = replace(SMALL, horizon=1, critic_warm_up=10**9)
        td3.iterate()
        rewards.append(td3.drones.reward.copy())
    drones, times = fill(td3, np.random.default_rng(0))
    for i, (drone, time) in enumerate(zip(drones, times, strict=True)):
        np.testing.assert_array_equal(td3.batch.seen[i], rows[time][drone, N_PRIVILEGED:])
        assert td3.batch.reward[i] == pytest.approx(rewards[time][drone], abs=1e-4)
        if td3.memory.ends[drone, time] == RUNNING:
            np.testing.assert_array_equal(td3.batch.next_seen[i], rows[time + 1][drone, N_PRIVILEGED:])
        else:
            assert td3.batch.discount[i] == 0.0
    assert (td3.memory.ends[:, :44] == TERMINATED).any()


def test_prices_rise_with_the_curriculum_and_not_beyond_their_limits():
    recipe = Td3Recipe()
    np.testing.assert_allclose(recipe.reward_weights_after(99_999), [5.0, 5.0, 0.01, 0.01])
    np.testing.assert_allclose(recipe.reward_weights_after(200_000), [7.2, 5.0, 0.0196, 0.0196], rtol=1e-6)
    np.testing.assert_allclose(recipe.reward_weights_after(10_000_000), [40.0, 5.0, 1.0, 1.0])
    row, still = np.zeros(N_PRIVILEGED + 18, np.float32), np.full(4, 0.3, np.float32)
    row[[N_PRIVILEGED + 3, N_PRIVILEGED + 7, N_PRIVILEGED + 11]] = 1.0
    assert pay(row, still, recipe.reward_weights_after(0), np.float32(0.3)) == pytest.approx(2.0)


def as_torch(weights, layers):
    return [torch.tensor(x.copy(), requires_grad=True) for view in weight_views(weights, layers) for x in view]


def network(x, parameters, squash=False):
    w1, b1, w2, b2, w3, b3 = parameters
    out = torch.tanh(torch.tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3
    return torch.tanh(out[:, :4]) if squash else out


def gradient_of(loss, parameters):
    return np.concatenate([g.numpy().reshape(-1) for g in torch.autograd.grad(loss, parameters)])


def test_updates_are_those_of_torch(flown):
    td3, rng = flown, np.random.default_rng(2)
    fill(td3, rng)
    nets, batch = td3.networks, td3.batch
    critic_layers = (batch.x.shape[1], 64, 64, 1)
    noise = 0.2 * rng.standard_normal((32, 4)).astype(np.float32)
    seen, next_seen, x = (torch.tensor(a.copy()) for a in (batch.seen, batch.next_seen, batch.x))
    next_x, reward, discount = (torch.tensor(a.copy()) for a in (batch.next_x, batch.reward, batch.discount))
    next_action = network(next_seen, as_torch(nets.actor_target, td3.layers), squash=True) + torch.tensor(noise)
    next_x[:, -4:] = next_action.clamp(-1.0, 1.0).detach()
    targets = [network(next_x, as_torch(w, critic_layers))[:, 0] for w in nets.critic_targets]
    goal = (reward + discount * torch.minimum(*targets)).detach()
    critics = [as_torch(w, critic_layers) for w in nets.critics]
    expected = gradient_of(((network(x, critics[1])[:, 0] - goal) ** 2).mean(), critics[1])

    before, target_before = nets.critics.copy(), nets.critic_targets.copy()
    improve_critics(nets, batch, noise, td3.actor_space, td3.critic_space, 10, 1e-3, np.float32(0.005))
    np.testing.assert_allclose(td3.critic_space.gradient, expected, atol=2e-5)
    assert (np.abs(nets.critics - before) > 0.0).mean() > 0.9
    np.testing.assert_allclose(nets.critic_targets, target_before + 0.005 * (nets.critics - target_before), atol=1e-6)

    actor, critic = as_torch(nets.actor, td3.layers), as_torch(nets.critics[0], critic_layers)
    action = network(seen, actor, squash=True)
    loss = -network(torch.cat([x[:, :-4], action], dim=1), critic).mean()
    expected = gradient_of(loss, actor)
    improve_actor(nets, batch, td3.actor_space, td3.critic_space, 5, 1e-3, np.float32(0.005))
    np.testing.assert_allclose(td3.actor_space.gradient, expected, atol=2e-5)
