"""Updates a second of the learner, beside the same algorithm in plain eager torch, interleaved in one process.

`TorchRlpd` is also the tests' oracle: the same networks, losses and optimisers, with autograd.
"""

import itertools
import math
import statistics
import time

import numpy as np
import torch
from torch import nn

from policies.actor import LOG_STD_MAX, LOG_STD_MIN, weight_views
from policies.rlpd import Rlpd
from policies.rlpd_config import RlpdConfig
from robot.robots.car.records import TRANSITION
from robot.tasks.race_track.task import ACTION_SIZE, OBSERVATION_SIZE, SPEC


class Critic(nn.Module):
    """[observation, action] -> value, LayerNorm without scale and shift before each ReLU."""

    def __init__(self, observation_size: int, action_size: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(observation_size + action_size, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, 1)
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)

    def forward(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.first(torch.cat([observation, action], 1))))
        x = torch.relu(self.norm(self.second(x)))
        return self.value(x)[:, 0]

    def set_flat(self, weights: np.ndarray) -> None:
        """Take the weights of one critic as policies/rlpd_kernels.py lays them out."""
        start = 0
        for layer in (self.first, self.second, self.value):
            inputs, outputs = layer.in_features, layer.out_features
            end = start + inputs * outputs
            layer.weight.data = torch.tensor(weights[start:end].reshape(inputs, outputs).T.copy())
            layer.bias.data = torch.tensor(weights[end : end + outputs].copy())
            start = end + outputs

    def flat(self) -> np.ndarray:
        """The weights as one vector, the inverse of `set_flat`."""
        parts = [part for layer in (self.first, self.second, self.value) for part in (layer.weight.T, layer.bias)]
        return np.concatenate([part.detach().numpy().ravel() for part in parts])


class Policy(nn.Module):
    """Observation -> tanh -> tanh -> (mean, log std)."""

    def __init__(self, layers: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = layers
        self.linear = [nn.Linear(a, b) for a, b in itertools.pairwise(layers)]
        self.registered = nn.ModuleList(self.linear)

    def forward(self, observation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.tanh(self.linear[0](observation))
        x = torch.tanh(self.linear[1](x))
        mean, raw = self.linear[2](x).chunk(2, 1)
        return mean, LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (1 + torch.tanh(raw))

    def sample(self, observation: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Actions, their log likelihood, and tanh of the means."""
        mean, log_std = self(observation)
        u = mean + log_std.exp() * noise
        gaussian = -0.5 * noise**2 - log_std - 0.5 * math.log(2 * math.pi)
        squashing = 2 * (math.log(2) - u - nn.functional.softplus(-2 * u))
        return torch.tanh(u), (gaussian - squashing).sum(1), torch.tanh(mean)

    def set_flat(self, weights: np.ndarray) -> None:
        """Take weights laid out as in policies/actor.py."""
        for layer, (matrix, bias) in zip(self.linear, weight_views(weights, self.layers), strict=True):
            layer.weight.data = torch.tensor(matrix.T.copy())
            layer.bias.data = torch.tensor(bias.copy())

    def flat(self) -> np.ndarray:
        """The weights as one vector, the inverse of `set_flat`."""
        parts = [part for layer in self.linear for part in (layer.weight.T, layer.bias)]
        return np.concatenate([part.detach().numpy().ravel() for part in parts])


class TorchRlpd:
    """The learner's update in plain eager torch, starting from the weights of an `Rlpd`."""

    def __init__(self, learner: Rlpd) -> None:
        c = self.config = learner.config
        n, m = learner.layers[0], learner.layers[-1] // 2
        self.actor = Policy(learner.layers)
        self.actor.set_flat(learner.actor)
        self.critics = [Critic(n, m, c.critic_hidden) for _ in range(c.critics)]
        self.targets = [Critic(n, m, c.critic_hidden) for _ in range(c.critics)]
        for e in range(c.critics):
            self.critics[e].set_flat(learner.critics[e])
            self.targets[e].set_flat(learner.targets[e])
        parameters = [p for critic in self.critics for p in critic.parameters()]
        self.critic_optimiser = torch.optim.Adam(parameters, c.critic_rate)
        self.actor_optimiser = torch.optim.Adam(self.actor.parameters(), c.actor_rate)
        self.log_alpha = torch.tensor(learner.log_alpha, requires_grad=True)
        self.alpha_optimiser = torch.optim.Adam([self.log_alpha], c.alpha_rate)

    def critic_update(self, batch: list[torch.Tensor], noise: torch.Tensor, subset: np.ndarray) -> float:
        """One step of the critics and their targets. Returns the loss."""
        observation, action, n_return, discount, next_observation = batch
        with torch.no_grad():
            next_action, _, _ = self.actor.sample(next_observation, noise)
            values = torch.stack([self.targets[e](next_observation, next_action) for e in subset])
            goal = n_return + discount * values.amin(0)
        loss = torch.stack([((critic(observation, action) - goal) ** 2).mean() for critic in self.critics]).sum()
        self.critic_optimiser.zero_grad()
        loss.backward()
        self.critic_optimiser.step()
        with torch.no_grad():
            for critic, target in zip(self.critics, self.targets, strict=True):
                for p, t in zip(critic.parameters(), target.parameters(), strict=True):
                    t.lerp_(p, self.config.target_share)
        return loss.item() / len(self.critics)

    def actor_update(self, observation: torch.Tensor, noise: torch.Tensor, entropy_goal: float,
                     anchor_action: torch.Tensor | None = None, anchor: float = 0.0) -> None:  # fmt: skip
        """One step of the actor and of alpha."""
        action, log_likelihood, mean = self.actor.sample(observation, noise)
        value = torch.stack([critic(observation, action) for critic in self.critics]).mean(0)
        loss = (self.log_alpha.exp().detach() * log_likelihood - value).mean()
        if anchor_action is not None:
            loss = loss + anchor * ((mean - anchor_action) ** 2).sum(1).mean()
        self.actor_optimiser.zero_grad()
        loss.backward()
        self.actor_optimiser.step()
        alpha_loss = -(self.log_alpha * (log_likelihood.detach() + entropy_goal)).mean()
        self.alpha_optimiser.zero_grad()
        alpha_loss.backward()
        self.alpha_optimiser.step()


class TorchReplay:
    """A plain replay buffer: the same columns as torch tensors."""

    def __init__(self, transitions: np.ndarray, gamma: float) -> None:
        self.observation = torch.tensor(transitions["observation"])
        self.action = torch.tensor(transitions["action"])
        self.reward = torch.tensor(transitions["reward"])
        self.discount = torch.tensor(gamma * (1.0 - transitions["terminated"]), dtype=torch.float32)
        self.next_observation = torch.tensor(transitions["next_observation"])

    def sample(self, batch: int) -> list[torch.Tensor]:
        """A uniform batch: observation, action, reward, discount, next observation."""
        rows = torch.randint(0, len(self.reward), (batch,))
        columns = (self.observation, self.action, self.reward, self.discount, self.next_observation)
        return [column[rows] for column in columns]


def synthetic_transitions(count: int) -> np.ndarray:
    """Random transitions, for timing only: (count,) TRANSITION."""
    rng = np.random.default_rng(0)
    transitions = np.zeros(count, TRANSITION)
    transitions["step"] = np.arange(count)
    transitions["observation"] = rng.standard_normal((count, OBSERVATION_SIZE))
    transitions["next_observation"] = rng.standard_normal((count, OBSERVATION_SIZE))
    transitions["action"] = rng.uniform(-1, 1, (count, ACTION_SIZE))
    transitions["reward"] = rng.standard_normal(count)
    return transitions


def run(rounds: int = 7, updates: int = 120) -> dict[str, float]:
    """Updates a second of both, `rounds` times `updates` of each in turn; the medians, and the median of the ratios."""
    torch.set_num_threads(1)
    transitions = synthetic_transitions(4000)
    config = RlpdConfig()
    learner = Rlpd(config, OBSERVATION_SIZE, ACTION_SIZE, SPEC.mirror)
    learner.add(transitions)
    learner.warm_up()
    plain = TorchRlpd(learner)
    replay = TorchReplay(transitions, config.gamma)

    def plain_updates(count: int) -> None:
        for update in range(1, count + 1):
            batch = replay.sample(config.batch)
            subset = np.random.default_rng(update).permutation(config.critics)[: config.critic_subset]
            plain.critic_update(batch, torch.randn(config.batch, ACTION_SIZE), subset)
            if update % config.updates_per_actor == 0:
                plain.actor_update(batch[0], torch.randn(config.batch, ACTION_SIZE), config.entropy_start)

    plain_updates(config.updates_per_actor)
    ours, theirs = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        learner.update(updates)
        middle = time.perf_counter()
        plain_updates(updates)
        ours.append(updates / (middle - start))
        theirs.append(updates / (time.perf_counter() - middle))
    return {
        "updates_per_s": statistics.median(ours),
        "torch_updates_per_s": statistics.median(theirs),
        "ratio_to_torch": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
    }
