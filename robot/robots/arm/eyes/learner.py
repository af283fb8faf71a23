"""How the encoder of a wrist camera learns where a hole or a block is: from drawn moments with drawn looks, by a likelihood of what is told and how sure."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policies.keypoint_encoder import KeypointEncoder, keypoint_onnx
from policies.policy_file import PolicyFile
from robot.robots.arm.eyes.moments import draw_moments
from robot.robots.arm.eyes.wrist_view import FEATURES, HEIGHT, HOLE, WIDTH, Told
from sim.camera.lens import Lens
from sim.camera.wrist import WristCameras
from sim.camera.wrist_looks import WristLooks, draw_wrist_looks

DRAWN, BATCH, UPDATES = (
    2048,
    64,
    64,
)  # frames that an iteration draws, frames of a batch, batches of an iteration: each frame is seen twice
RATE, RATE_AT_LAST, WARM_ITERATIONS = 2e-3, 0.01, 2
BETA = 0.5  # Seitzer et al., 2022: keeps who is unsure from being left alone
WITHIN_SHARE, HEIGHT_SHARE = 0.3, 0.3
HEIGHT_M = 0.02
HELD, HELD_SEED = 2048, 1_000_000  # frames by which deviations are set, and the seed of their looks


@dataclass(frozen=True)
class Subject:
    """What an encoder is to tell of. names: of the told numbers; unit: errors of these that count alike. draw(n, generator): n moments, whose
    `told` (n, count) is the truth, `within` (n,) and `height_m` (n,) what features are to tell besides. draw_looks(n, seed, width, height).
    render(cameras, frames, moments, look): the moments' pictures. frames_of_look: by which deviations are set, how many have one look."""

    told: Told
    names: tuple[str, ...]
    unit: np.ndarray
    draw: Callable[[int, np.random.Generator], Any]
    draw_looks: Callable[[int, int, int, int], WristLooks]
    cameras: Callable[[WristLooks, int], Any]
    render: Callable[[Any, np.ndarray, Any, np.ndarray], object]
    frames_of_look: int = 4


HOLES = Subject(
    told=HOLE,
    names=("right", "down", "depth_m", "tilt_x", "tilt_y", "turn"),
    unit=np.array([0.1, 0.1, 0.01, 0.1, 0.1, 0.1]),
    draw=draw_moments,
    draw_looks=draw_wrist_looks,
    cameras=WristCameras,
    render=lambda cameras, frames, moments, look: cameras.render(
        frames, moments.pose, moments.motion, moments.place, moments.frame, moments.half_m, look
    ),
)


class EncoderLearner:
    """Learns an iteration at a time. Same seed: same weights, on the same machine."""

    def __init__(self, subject: Subject, looks: WristLooks, lens: Lens, iterations: int, seed: int) -> None:
        """lens: what the looks' cameras have but for their errors."""
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.subject, told = subject, subject.told.count
        self.lens, self.iterations, self.iteration, self.sureness = lens, iterations, 0, np.ones(told)
        self.encoder_net = KeypointEncoder(HEIGHT, WIDTH, 1, told + FEATURES, told)
        self._judge = nn.Linear(FEATURES, 2)  # of `within` and `height_m`: what features are to tell
        parameters = [*self.encoder_net.parameters(), *self._judge.parameters()]
        self._optimiser = torch.optim.AdamW(parameters, RATE, weight_decay=1e-4)
        self._cameras, self._rng = subject.cameras(looks, seed), np.random.default_rng([seed, 0x3EA4])
        self._held = subject.draw_looks(HELD // subject.frames_of_look, HELD_SEED + seed, WIDTH, HEIGHT)
        self._frames = np.empty((DRAWN, *looks.frame_shape), np.uint8)
        self.loss = np.nan

    @property
    def encoder(self) -> bytes:
        """As ONNX. Its standard deviations are multiplied by `sureness`, so that they are as large as errors are."""
        return keypoint_onnx(self.encoder_net, asdict(self.lens), self.sureness)

    def calibrate(self) -> dict[str, float]:
        """Make deviations as large as errors are, on looks that nobody learned from. Returns errors of the told numbers, root mean square."""
        subject, rng = self.subject, np.random.default_rng(HELD)
        cameras, moments = subject.cameras(self._held, HELD), subject.draw(HELD, rng)
        frames = np.empty((HELD, *self._held.frame_shape), np.uint8)
        look = rng.integers(0, len(self._held), HELD)
        subject.render(cameras, frames, moments, look)
        with torch.no_grad():
            told, deviation = subject.told.of(self.encoder_net(torch.from_numpy(frames)).numpy())
        off = told - moments.told
        self.sureness = np.sqrt(((off / deviation) ** 2).mean(0))
        return dict(zip(subject.names, np.sqrt((off * off).mean(0)).tolist(), strict=True))

    def iterate(self) -> None:
        share = self.iteration / self.iterations
        rate = RATE * (RATE_AT_LAST + 0.5 * (1.0 - RATE_AT_LAST) * (1.0 + np.cos(np.pi * share)))
        for group in self._optimiser.param_groups:
            group["lr"] = float(rate * min(1.0, (self.iteration + 1) / WARM_ITERATIONS))
        moments = self.subject.draw(DRAWN, self._rng)
        look = self._rng.integers(0, len(self._cameras.looks), DRAWN)
        self.subject.render(self._cameras, self._frames, moments, look)
        order = np.concatenate([self._rng.permutation(DRAWN) for _ in range(UPDATES * BATCH // DRAWN)])
        self.loss = float(np.mean([self._update(moments, some) for some in order.reshape(UPDATES, BATCH)]))
        self.iteration += 1

    def _update(self, moments: Any, some: np.ndarray) -> float:
        """One batch."""
        with torch.autocast("cpu", torch.bfloat16):
            embedding = self.encoder_net(torch.from_numpy(self._frames[some])).float()
        count = self.subject.told.count + FEATURES
        loss = self._loss(embedding[:, :count], embedding[:, count:], moments, some)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.encoder_net.parameters(), 1.0)
        self._optimiser.step()
        return float(loss.detach())

    def _loss(self, seen: Tensor, unsure: Tensor, moments: Any, some: np.ndarray) -> Tensor:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array.astype(np.float32))

        told, unit = self.subject.told, tensor(self.subject.unit)
        off = (seen[:, : told.count] * tensor(told.most) - tensor(moments.told[some] - told.middle)) / unit
        deviation = torch.maximum(unsure * tensor(told.unsure), tensor(told.least_sure)) / unit
        likelihood = 0.5 * (off / deviation).square() + torch.log(deviation)
        judged = self._judge(seen[:, told.count :])
        inside = nn.functional.binary_cross_entropy_with_logits(judged[:, 0], tensor(moments.within[some]))
        height = nn.functional.smooth_l1_loss(judged[:, 1], tensor(moments.height_m[some] / HEIGHT_M))
        weighed: Tensor = (deviation.detach() ** (2.0 * BETA) * likelihood).mean()
        return weighed + WITHIN_SHARE * inside + HEIGHT_SHARE * height


class WristLearner(EncoderLearner):
    """Of holes; the policy beside the encoder stays as it came."""

    def __init__(self, looks: WristLooks, lens: Lens, policy: PolicyFile, iterations: int, seed: int) -> None:
        self.layers, self.weights = policy.layers, policy.weights
        super().__init__(HOLES, looks, lens, iterations, seed)
