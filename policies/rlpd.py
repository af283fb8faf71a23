"""RLPD: soft actor-critic that learns online from half practice, half prior data (Ball et al., 2023), read in order.

One update of the critics (`critic_update`): sample a batch, each transition mirrored with a chance of one half; the
target is the n-step return plus the discounted least value of a random subset of the target critics at the actor's next
action; the critics follow it by least squares. Every few updates the actor climbs the mean of the critics with an
entropy bonus (`actor_update`), whose weight alpha is tuned towards a target entropy that falls over the practice.

Where a supervisor changed an action, the transition teaches both actions: the executed one, and the proposed one, which
had the same outcome. An actor that learned only from what was executed would never hear that its proposals are refused;
one to which both are worth the same would not mind. So the proposed one costs more, the more it was changed: the critics
then slope from what is refused towards what is executed, and a policy that is never refused pays nothing.
"""

import json
import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numba import njit

from policies.actor import Actor, actor_layers, initial_weights, raw_log_std, weight_views
from policies.array_file import read_arrays, write_arrays
from policies.fields import Mirror
from policies.replay import Memory, transition_dtype
from policies.rlpd_config import RlpdConfig, schedule
from policies.rlpd_kernels import (
    actor_backward,
    actor_forward,
    actor_output_gradient,
    adam,
    critic_action_gradient,
    critic_backward,
    critic_forward,
    gather,
    initial_critic,
    polyak,
    sample_actions,
)
from sim.input_files import json_object


@njit(cache=True, error_model="numpy")
def critic_update(critics, targets, subset, actor, batch, noise, actor_space, critic_space, moments, step, rate,
                  target_share):  # fmt: skip
    """One step of every critic towards the n-step target, and of the targets after them. Returns (loss, mean value)."""
    observation, action, n_return, discount, next_observation = batch
    h1, h2, out, next_action, log_likelihood, std = actor_space
    keep, scratch, value, goal, gradient = critic_space
    mean, square = moments
    actor_forward(actor, next_observation, h1, h2, out)
    sample_actions(out, noise, next_action, log_likelihood, std)
    goal[:] = np.float32(np.inf)
    for k in range(subset.size):
        critic_forward(targets[subset[k]], next_observation, next_action, keep, value)
        for i in range(goal.size):
            goal[i] = min(goal[i], value[i])
    for i in range(goal.size):
        goal[i] = n_return[i] + discount[i] * goal[i]
    loss, total = 0.0, 0.0
    share = np.float32(2.0 / goal.size)
    for e in range(critics.shape[0]):
        critic_forward(critics[e], observation, action, keep, value)
        for i in range(goal.size):
            total += value[i]
            difference = value[i] - goal[i]
            loss += difference * difference
            value[i] = share * difference
        critic_backward(critics[e], observation, action, keep, value, scratch, gradient)
        adam(critics[e], gradient, mean[e], square[e], step, rate)
        polyak(targets[e], critics[e], target_share)
    count = goal.size * critics.shape[0]
    return loss / count, total / count


@njit(cache=True, error_model="numpy")
def actor_update(actor, critics, observation, noise, actor_space, critic_space, gradient_space,
                 alpha, anchor_action, anchor, moments, step, rate):  # fmt: skip
    """One step of the actor up the mean of the critics with an entropy bonus. Returns the mean log likelihood."""
    h1, h2, out, action, log_likelihood, std = actor_space
    keep, scratch, value, _, _ = critic_space
    d_out, d_action, h_scratch, actor_gradient = gradient_space
    actor_forward(actor, observation, h1, h2, out)
    sample_actions(out, noise, action, log_likelihood, std)
    d_action[:] = np.float32(0.0)
    share = np.float32(-1.0 / (action.shape[0] * critics.shape[0]))
    for e in range(critics.shape[0]):
        critic_forward(critics[e], observation, action, keep, value)
        critic_action_gradient(critics[e], observation, action, keep, share, scratch, d_action)
    actor_output_gradient(out, noise, action, std, d_action, alpha, anchor_action, anchor, d_out)
    actor_backward(actor, observation, h1, h2, d_out, h_scratch[0], h_scratch[1], actor_gradient)
    adam(actor, actor_gradient, moments[0], moments[1], step, rate)
    return log_likelihood.mean()


@njit(cache=True, error_model="numpy")
def actor_imitation(actor, observation, shown, actor_space, gradient_space, moments, step, rate):
    """One step of the actor's mean actions towards those that were shown, by least squares."""
    h1, h2, out, nothing, _, std = actor_space
    d_out, d_action, h_scratch, actor_gradient = gradient_space
    nothing[:] = d_action[:] = std[:] = np.float32(0.0)
    actor_forward(actor, observation, h1, h2, out)
    actor_output_gradient(out, nothing, nothing, std, d_action, np.float32(0.0), shown, np.float32(1.0), d_out)
    actor_backward(actor, observation, h1, h2, d_out, h_scratch[0], h_scratch[1], actor_gradient)
    adam(actor, actor_gradient, moments[0], moments[1], step, rate)


class Rlpd:
    """The learner. The same seed and the same order of calls give the same bytes.

    policy_weights: the actor to start from; without it, from scratch. Raises ValueError if they do not fit.
    """

    def __init__(
        self,
        config: RlpdConfig,
        observation_size: int,
        action_size: int,
        mirror: Mirror | None = None,
        policy_weights: np.ndarray | None = None,
    ) -> None:
        self.config = config
        n, m, h, batch = observation_size, action_size, config.critic_hidden, config.batch
        self.rng = np.random.default_rng([config.seed, 0x51CA])
        self.layers = actor_layers(n, m, (config.actor_hidden, config.actor_hidden))
        self.actor = initial_weights(self.layers, self.rng, config.std_start)
        if policy_weights is not None:
            self.take_policy(policy_weights)
        self.anchor_actor = self.actor.copy()
        self.average_actor = self.actor.copy()  # what the robot drives with
        self.critics = np.stack([initial_critic(n, m, h, self.rng) for _ in range(config.critics)])
        self.targets = self.critics.copy()
        self.target_share = config.target_share
        self.critic_moments = (np.zeros_like(self.critics), np.zeros_like(self.critics))
        self.actor_moments = (np.zeros_like(self.actor), np.zeros_like(self.actor))
        self.log_alpha = math.log(config.alpha_start)
        self.alpha_moments = np.zeros(2)
        self.updates = 0
        self.actor_updates = 0
        self.decisions = 0  # practice transitions seen, over resumed runs too: the clock of every schedule
        self.transitions_seen = 0  # with demonstrations and prior data
        self.anchored_at = 0  # `decisions` when the anchor was last set

        self.mirror = mirror or Mirror(np.arange(n), np.ones(n, np.float32), np.ones(m, np.float32))
        self.coins_used = np.uint8((1 if mirror else 0) | 2)
        self.practice = Memory(config.memory, n, m)
        self.prior = Memory(config.memory, n, m)

        def space(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.float32)

        k = config.actor_hidden
        self.batch = (space(batch, n), space(batch, m), space(batch), space(batch), space(batch, n))
        self.actor_space = (space(batch, k), space(batch, k), space(batch, 2 * m), space(batch, m), space(batch),
                            space(batch, m))  # fmt: skip
        keep = (*(space(batch, h) for _ in range(5)), space(batch), space(batch))
        self.critic_space = (keep, space(batch, h), space(batch), space(batch), space(self.critics.shape[1]))
        self.gradient_space = (space(batch, 2 * m), space(batch, m), space(2, batch, k), space(len(self.actor)))
        self.anchor_action = space(batch, m)
        self.loss = self.value = self.log_likelihood = math.nan  # of the newest update
        self.busy_s = 0.0
        self.updates_timed = 0

    def take_policy(self, weights: np.ndarray) -> None:
        """Begin with this policy's actions and the configured standard deviation."""
        self.actor[:] = Actor(self.layers, weights).weights
        m = self.layers[-1] // 2
        matrix, bias = weight_views(self.actor, self.layers)[-1]
        matrix[:, m:] = 0.0
        bias[m:] = raw_log_std(self.config.std_start)

    def move_to(self, weights: np.ndarray) -> None:
        """Go on from another policy: its actions, the configured standard deviation, the anchor there at full weight."""
        self.take_policy(weights)
        self.settle()

    def go_back(self, weights: np.ndarray) -> None:
        """Go on from an earlier policy of its own, its standard deviation included, with the anchor there."""
        self.actor[:] = weights
        self.settle()

    def settle(self) -> None:
        """Drive with the actor as it is now, and begin its descent anew."""
        self.anchor_actor[:] = self.actor
        self.average_actor[:] = self.actor
        self.anchored_at = self.decisions
        for moments in self.actor_moments:
            moments[:] = 0.0
        self.alpha_moments[:] = 0.0
        self.actor_updates = 0

    def add(self, transitions: np.ndarray) -> None:
        """Take in transitions (k,) TRANSITION, in order; those marked as demonstration become prior data."""
        self.restore(transitions)
        self.decisions += int((transitions["demonstration"] == 0).sum())
        self.transitions_seen += len(transitions)

    def restore(self, transitions: np.ndarray) -> None:
        """Put transitions back into memory that a loaded checkpoint has counted already."""
        prior = transitions["demonstration"] != 0
        self.prior.add(transitions[prior])
        self.practice.add(transitions[~prior])

    def add_prior(self, transitions: np.ndarray) -> None:
        """Take in prior data that is not the run's own, such as simulated transitions; nothing counts it."""
        self.prior.add(transitions)

    def learn_from_prior(self) -> None:
        """Before the first decision: let the critics learn the starting policy's worth from prior data, if any."""
        if self.prior.size:
            endless = float(self.prior.reward[: self.prior.size].mean()) / (1.0 - self.config.gamma)
            self.critics[:, -1] = self.targets[:, -1] = endless  # the last bias: start near the values' level
            self.target_share = self.config.prior_target_share
            self.update(self.config.prior_updates, move_actor=False)
            self.target_share = self.config.target_share

    def imitate(self) -> None:
        """Bring the actor to what was shown, and the anchor there; nothing, where nothing was, or none is to be imitated."""
        if not self.config.imitation_updates or not self.prior.size:
            return
        moments = np.zeros_like(self.actor), np.zeros_like(self.actor)
        for step in range(1, self.config.imitation_updates + 1):
            self.sample_batch(shown=True)
            actor_imitation(self.actor, *self.batch[:2], self.actor_space, self.gradient_space, moments,
                            step, self.config.actor_rate)  # fmt: skip
        self.move_to(self.actor)

    def update(self, count: int | None = None, move_actor: bool = True) -> int:
        """Make `count` updates (by default, one decision's share) and return how many. Needs transitions to learn from.

        move_actor: False trains the critics alone. Raises FloatingPointError when learning has diverged.
        """
        count = self.config.updates_per_step if count is None else count
        start = time.perf_counter()
        for _ in range(count):
            self.sample_batch()
            self.step_critics(self.noise(), self.rng.permutation(self.config.critics)[: self.config.critic_subset])
            if move_actor and self.updates % self.config.updates_per_actor == 0:
                self.step_actor(self.noise())
                self.step_alpha()
        self.busy_s += time.perf_counter() - start
        self.updates_timed += count
        if count and not math.isfinite(self.loss):
            raise FloatingPointError(f"the critics' loss is {self.loss} at update {self.updates}")
        return count

    def sample_batch(self, shown: bool = False) -> None:
        """Draw the next batch: part prior data, part practice. shown: prior data alone."""
        c = self.config
        share = schedule(c.prior_share_start, c.prior_share_end, c.prior_share_steps, self.decisions)
        from_prior = round(c.batch * share) if self.prior.size else 0
        if shown or self.practice.size == 0:
            from_prior = c.batch
        coins = self.rng.integers(0, 4, c.batch, np.uint8) & self.coins_used
        first = 0
        for memory, count in ((self.prior, from_prior), (self.practice, c.batch - from_prior)):
            if count:
                rows = self.rng.integers(0, memory.size, count)
                gather(rows, coins[first : first + count], memory.observation, memory.action, memory.proposed,
                       memory.reward, memory.next_observation, memory.terminated, memory.follows, c.n_step,
                       np.float32(c.gamma), np.float32(c.refusal_cost), *self.mirror, first, *self.batch)  # fmt: skip
                first += count

    def noise(self) -> np.ndarray:
        """Standard normal numbers for the actor's actions, (batch, actions) float32."""
        return self.rng.standard_normal(self.batch[1].shape, np.float32)

    @property
    def rates(self) -> float:
        """What the rates have fallen to, as a share."""
        return schedule(1.0, self.config.rates_end, self.config.settle_steps, self.decisions)

    def step_critics(self, noise: np.ndarray, subset: np.ndarray) -> None:
        """One step of all critics on the batch at hand, and of their targets."""
        self.updates += 1
        self.loss, self.value = critic_update(
            self.critics, self.targets, subset, self.actor, self.batch, noise, self.actor_space, self.critic_space,
            self.critic_moments, self.updates, self.rates * self.config.critic_rate,
            np.float32(self.target_share),
        )  # fmt: skip

    def step_actor(self, noise: np.ndarray) -> None:
        """One step of the actor on the batch at hand."""
        c = self.config
        self.actor_updates += 1
        observation = self.batch[0]
        anchor = schedule(c.anchor, c.anchor_end, c.anchor_steps, self.decisions - self.anchored_at)
        if anchor > 0.0:
            h1, h2, out = self.actor_space[:3]
            actor_forward(self.anchor_actor, observation, h1, h2, out)
            self.anchor_action[:] = np.tanh(out[:, : self.anchor_action.shape[1]])
        self.log_likelihood = actor_update(
            self.actor, self.critics, observation, noise, self.actor_space, self.critic_space, self.gradient_space,
            np.float32(math.exp(self.log_alpha)), self.anchor_action, np.float32(anchor), self.actor_moments,
            self.actor_updates, self.rates * c.actor_rate,
        )  # fmt: skip
        share = schedule(c.average_share, c.average_share_end, c.settle_steps, self.decisions)
        polyak(self.average_actor, self.actor, np.float32(share))

    def step_alpha(self) -> None:
        """One step of Adam on log alpha towards the target entropy, not below the floor."""
        c = self.config
        goal = schedule(c.entropy_start, c.entropy_end, c.entropy_steps, self.decisions)
        gradient = -(self.log_likelihood + goal)
        mean, square = self.alpha_moments
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        self.alpha_moments[:] = mean, square
        mean, square = mean / (1 - 0.9**self.actor_updates), square / (1 - 0.999**self.actor_updates)
        self.log_alpha -= c.alpha_rate * mean / (math.sqrt(square) + 1e-8)
        self.log_alpha = max(self.log_alpha, math.log(c.alpha_floor))

    def warm_up(self) -> None:
        """Compile and touch every kernel, on a learner of its own with made-up data."""
        n, m = self.layers[0], self.layers[-1] // 2
        other = Rlpd(replace(self.config, memory=4), n, m, self.mirror)
        transition = np.zeros(2, transition_dtype(n, m))
        transition["demonstration"] = 0, 1
        other.add(transition)
        other.update(self.config.updates_per_actor)
        other.imitate()

    def actor_weights(self) -> np.ndarray:
        """A copy of the weights that the robot should drive with, flat float32, laid out as in policies/actor.py."""
        return self.average_actor.copy()

    def metrics(self) -> dict[str, float]:
        """Figures for people and logs."""
        return {
            "memory": self.practice.size,
            "prior": self.prior.size,
            "updates": self.updates,
            "updates_per_s": self.updates_timed / self.busy_s if self.busy_s else 0.0,
            "alpha": math.exp(self.log_alpha),
            "critic_loss": self.loss,
            "value_mean": self.value,
            "entropy": -self.log_likelihood,
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint: everything but the memory, which lies in segments on disk."""
        write_arrays(Path(path), self.state())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of a learner with the same configuration; then `restore` what it had in memory.

        Raises ValueError, naming the file and what was found, if it is damaged or of another configuration.
        """
        stored = read_arrays(Path(path))
        here = self.state()
        if stored.keys() != here.keys():
            raise ValueError(f"{path}: not a learner's checkpoint: fields {sorted(stored)}, need {sorted(here)}")
        theirs, ours = json_object(Path(path), str(stored["config"]), "config"), json.loads(str(here["config"]))
        for name in ours:
            if theirs.get(name) != ours[name]:
                raise ValueError(f"{path}: field {name} is {theirs.get(name)}, this learner has {ours[name]}")
        for name in (*ARRAYS, "log_alpha", "counters"):
            if stored[name].shape != here[name].shape or stored[name].dtype != here[name].dtype:
                raise ValueError(f"{path}: field {name} is {stored[name].dtype} of shape {stored[name].shape}, need "
                                 f"{here[name].dtype} of {here[name].shape}")  # fmt: skip
            if not np.isfinite(stored[name]).all():
                raise ValueError(f"{path}: field {name} has values that are not finite")
        for name in ARRAYS:
            here[name][...] = stored[name]
        try:
            self.rng.bit_generator.state = json_object(Path(path), str(stored["rng"]), "rng")
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: field rng is no state of this generator: {error}") from error
        self.log_alpha = float(stored["log_alpha"])
        for name, count in zip(COUNTERS, stored["counters"], strict=True):
            setattr(self, name, int(count))

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint holds; the arrays named in ARRAYS are the learner's own, not copies."""
        return {
            "actor": self.actor,
            "anchor_actor": self.anchor_actor,
            "average_actor": self.average_actor,
            "critics": self.critics,
            "targets": self.targets,
            "critic_mean": self.critic_moments[0],
            "critic_square": self.critic_moments[1],
            "actor_mean": self.actor_moments[0],
            "actor_square": self.actor_moments[1],
            "alpha_moments": self.alpha_moments,
            "log_alpha": np.array(self.log_alpha),
            "counters": np.array([getattr(self, name) for name in COUNTERS]),
            "rng": np.array(json.dumps(self.rng.bit_generator.state)),
            "config": np.array(json.dumps(asdict(self.config))),
        }


ARRAYS = ("actor", "anchor_actor", "average_actor", "critics", "targets", "critic_mean", "critic_square",
          "actor_mean", "actor_square", "alpha_moments")  # fmt: skip
COUNTERS = ("updates", "actor_updates", "decisions", "transitions_seen", "anchored_at")
