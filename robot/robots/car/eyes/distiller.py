"""A driver that sees, from one that knows where it is: dataset aggregation (Ross et al., 2011) over looks, courses and cars.

The teacher is a policy of the task, who is shown the truth. The student drives most of the fleet, the teacher tells what he would have done, and the
student is fitted to what he said in the last RING decisions. Some seats are the teacher's for good, with noise: were seats drawn for
each episode, those who survive would fill the fleet. The student's cars are pushed too, and asked for another pace: else it learns to
repeat its last action, and fails when it is slowed. It is also fitted to the part of the observation that only a place can tell.

Its encoder also learns how far the way is free, as a low quantile; half of the student's cars drive behind the brake that goes by it
(`sight.py`), so that it knows how that feels.
"""

from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor, nn

from policies.actor import raw_log_std, weight_count, weight_views
from policies.encoder import Encoder, onnx_file
from policies.policy_file import PolicyFile
from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.seeing_driver import HIDDEN, LAYERS, SEEN_PLACES, Memory
from robot.robots.car.eyes.sight import held_back
from robot.tasks.race_track.by_camera import EMBEDDING, FELT_PLACES, PATHS_PER_M, SEEN_MAX_M, STACK
from robot.tasks.race_track.task import ACTION_SIZE, SPEED_MAX_M_S, SPEED_MIN_M_S
from sim.camera.lens import Lens
from sim.car import kernel

TEACHER_SEATS = 0.125  # share of the fleet
RING = 120  # decisions of the fleet that are kept
COLLECTED, UPDATES = 8, 14  # decisions and batches of an iteration
CHUNK, SEQUENCES = 8, 48  # decisions and cars of a batch
TAUGHT_ITERATIONS = 8  # before the student drives at all
RATE, RATE_AT_LAST, WARM_ITERATIONS = 2e-3, 0.02, 20
SEEN_SHARE, SEEN_BETA = 0.5, 0.3
FREE_SHARE, FREE_QUANTILE = 2.0, 0.05  # told too far in so many pictures
HELD_ITERATION = 60  # from which on some are held back
PUSH, PUSH_KEPT = np.array([0.15, 0.09], np.float32), 0.8
PACE = (0.6, 1.1)
AVERAGED = 0.8  # of the average weights that stays at each iteration
STD = 0.1  # that a learner goes on exploring with
ZERO_SPEED = 2.0 * SPEED_MIN_M_S / (SPEED_MAX_M_S - SPEED_MIN_M_S) + 1.0  # minus the action that asks for no speed


class Student(nn.Module):
    """Encoder and actor as torch modules. The actor's hidden layers are tanh, as `policies/actor.py`'s are."""

    def __init__(self, frame_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.encoder = Encoder(*frame_shape, EMBEDDING, len(PATHS_PER_M))
        self.first, self.second = nn.Linear(LAYERS[0], HIDDEN[0]), nn.Linear(*HIDDEN)
        self.action, self.seen = nn.Linear(HIDDEN[1], ACTION_SIZE), nn.Linear(HIDDEN[1], len(SEEN_PLACES))

    def act(self, stack: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (n, 2), and the numbers at SEEN_PLACES, for what `Memory` holds."""
        hidden = torch.tanh(self.second(torch.tanh(self.first(stack))))
        return torch.tanh(self.action(hidden)), self.seen(hidden)


class Distiller:
    """Learns an iteration at a time. Same seed: same weights, on the same machine."""

    layers = LAYERS

    def __init__(self, fleet: SeeingFleet, lens: Lens, teacher: PolicyFile, iterations: int, seed: int) -> None:
        """lens: what the fleet's cameras have but for their errors, told to whoever drives with the encoder."""
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        n = fleet.batch.n_cars
        self.fleet, self.lens, self.iterations, self.iteration, self.step = fleet, lens, iterations, 0, 0
        self.teacher = weight_views(teacher.weights, teacher.layers)
        self.student, self.average = Student(fleet.looks.frame_shape), Student(fleet.looks.frame_shape)
        self.average.load_state_dict(self.student.state_dict())
        self._optimiser = torch.optim.AdamW(self.student.parameters(), RATE, weight_decay=1e-4)
        self._memory, self._rng = Memory(n), np.random.default_rng([seed, 0xD157])
        self._frames = np.zeros((RING, n, *fleet.looks.frame_shape), np.uint8)
        self._observations = np.zeros((RING, n, fleet.observation.shape[1]), np.float32)
        self._free = np.zeros((RING, n, len(PATHS_PER_M)), np.float32)  # shares of SEEN_MAX_M
        self._told, self._ages = np.zeros((RING, n, ACTION_SIZE), np.float32), np.zeros((RING, n), np.int64)
        self._taught = (np.arange(n) < TEACHER_SEATS * n)[:, None]
        self._held = np.arange(n)[:, None] % 2 == 1
        self._pace = np.where(self._rng.random(n) < 0.5, 1.0, self._rng.uniform(*PACE, n)).astype(np.float32)
        self._pushed, self._push = self._rng.uniform(0.0, 1.0, (n, 1)).astype(np.float32), np.zeros((n, 2), np.float32)
        self.crashes, self.loss, self.trust = 0, np.nan, 1.0

    @property
    def weights(self) -> np.ndarray:
        """The average actor's, as `policies/actor.py` lays them out."""
        flat = np.zeros(weight_count(LAYERS), np.float32)
        views = weight_views(flat, LAYERS)
        parts = (self.average.first, self.average.second, self.average.action)
        for (matrix, bias), part in zip(views, parts, strict=True):
            matrix[:, : part.out_features] = part.weight.detach().numpy().T
            bias[: part.out_features] = part.bias.detach().numpy()
        views[-1][1][ACTION_SIZE:] = raw_log_std(STD)
        return flat

    @property
    def encoder(self) -> bytes:
        """The average encoder, as ONNX. What it tells of the free way is multiplied by `trust`."""
        return onnx_file(self.average.encoder, asdict(self.lens), self.trust)

    def iterate(self) -> None:
        self.crashes = 0
        for _ in range(COLLECTED):
            self._drive()
        share = self.iteration / self.iterations
        rate = RATE * (RATE_AT_LAST + 0.5 * (1.0 - RATE_AT_LAST) * (1.0 + np.cos(np.pi * share)))
        for group in self._optimiser.param_groups:
            group["lr"] = float(rate * min(1.0, (self.iteration + 1) / WARM_ITERATIONS))
        self.loss = float(np.mean([self._update() for _ in range(UPDATES)]))
        with torch.no_grad():
            kept = AVERAGED if self.iteration > WARM_ITERATIONS else 0.0  # the first weights are no part of an average
            for mean, new in zip(self.average.parameters(), self.student.parameters(), strict=True):
                mean.lerp_(new, 1.0 - kept)
        self.iteration += 1

    def _drive(self) -> None:
        fleet, row = self.fleet, self.step % RING
        told = self.told(fleet.observation)
        self._frames[row], self._observations[row] = fleet.frames, fleet.observation
        self._told[row], self._ages[row], self._free[row] = told, fleet.age, fleet.free_m() / SEEN_MAX_M
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            embedding, free = (
                part.float().numpy() for part in self.student.encoder.both(torch.from_numpy(fleet.frames))
            )
            stack = self._memory.with_now(embedding, fleet.observation, fleet.age)
            own = self.student.act(torch.from_numpy(stack.copy()))[0].float().numpy()
        noise = self._rng.standard_normal(self._push.shape, np.float32)
        self._push = PUSH_KEPT * self._push + PUSH * noise
        own = own + self._pushed * self._push
        own[:, 1] = self._pace * (own[:, 1] + ZERO_SPEED) - ZERO_SPEED
        if self.iteration >= HELD_ITERATION:
            held = held_back(np.clip(own, -1.0, 1.0), free * SEEN_MAX_M, fleet.batch.row(kernel.V_X))
            own = np.where(self._held, held, own)
        led = self._taught | (self.iteration < TAUGHT_ITERATIONS)
        fleet.step(np.clip(np.where(led, told + self._push, own), -1.0, 1.0))
        self.crashes += int(((fleet.end == 1) & ~self._taught[:, 0]).sum())
        self.step += 1

    def told(self, observation: np.ndarray) -> np.ndarray:
        """What the teacher does, (n, 2) float32."""
        (a, b), (c, d), (e, f) = self.teacher
        mean = np.tanh(np.tanh(observation @ a + b) @ c + d) @ e + f
        return np.tanh(mean[:, :ACTION_SIZE])

    def _update(self) -> float:
        """One batch: sequences of CHUNK decisions of SEQUENCES cars. Returns the loss."""
        cars = self._rng.integers(0, self._frames.shape[1], SEQUENCES)[:, None]
        newest = self.step - 1 - self._rng.integers(0, min(self.step, RING) - CHUNK + 1, SEQUENCES)
        rows = (newest[:, None] - CHUNK + 1 + np.arange(CHUNK)) % RING
        frames = torch.from_numpy(self._frames[rows, cars].reshape(-1, *self._frames.shape[2:]))
        observation, age = self._observations[rows, cars], self._ages[rows, cars]
        told = torch.from_numpy(self._told[rows, cars].reshape(-1, ACTION_SIZE))
        seen = torch.from_numpy(observation[..., SEEN_PLACES].reshape(len(told), -1))
        place = np.arange(CHUNK)
        known = torch.from_numpy(((place >= STACK - 1) | (age <= place)).reshape(-1)).float()
        before = [np.maximum(place - np.minimum(back, age), 0) for back in range(STACK)]
        sequence = torch.arange(SEQUENCES)[:, None]
        with torch.autocast("cpu", torch.bfloat16):
            embedding, free = self.student.encoder.both(frames)
            each = torch.cat(
                [embedding.float().view(SEQUENCES, CHUNK, EMBEDDING), torch.from_numpy(observation[..., FELT_PLACES])],
                2,
            )
            stack = torch.cat([each[sequence, torch.from_numpy(at)] for at in before], 2)
            action, guess = self.student.act(stack.view(len(told), -1))
        off_action = (action.float() - told).square().mean(1)
        off_seen = nn.functional.smooth_l1_loss(guess.float(), seen, reduction="none", beta=SEEN_BETA).mean(1)
        loss = ((off_action + SEEN_SHARE * off_seen) * known).sum() / known.sum()
        short = torch.from_numpy(self._free[rows, cars].reshape(len(told), -1)) - free.float()
        loss = loss + FREE_SHARE * torch.maximum(FREE_QUANTILE * short, (FREE_QUANTILE - 1.0) * short).mean()
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self._optimiser.step()
        return float(loss.detach())
