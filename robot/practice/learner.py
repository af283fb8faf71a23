"""The learner process: transitions in through a ring, new weights out through the mailbox, checkpoints on disk.

    python -m robot.practice.learner SESSION.json

It may die at any moment: control goes on with the weights that it has, the recorder keeps every transition on disk, and
a successor starts from the last checkpoint and what the disk and the ring hold beyond it.

In lockstep, transition number n is learned from, with its share of updates, before n + 1 is looked at, and weights are
published at every `PUBLISH_EVERY`th, so that the same transitions give the same weights.
"""

import math
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np

from policies.policy_file import load_policy, save_policy
from policies.replay import load_folder
from robot.practice.best_policy import BestPolicy
from robot.practice.champion import Champion
from robot.practice.practice import find_practice
from robot.practice.reward import reward_of
from robot.practice.seen_otherwise import Episodes
from robot.practice.settings import SCRATCH, load_config
from robot.practice.start import new_learner, starting_policy
from robot.runtime.episodes import episode_dtype
from robot.runtime.json_file import write_json
from robot.runtime.process_ends import end_with_reason
from robot.runtime.robot import find_robot
from robot.runtime.run_folder import BELIEF_FILE, NEWEST_FILE, belief_of_run, sealed
from robot.runtime.session_file import LEARNER, PUBLISH_EVERY, SessionFile
from robot.shared_memory.blocks import LEARNER_STATUS, SESSION_STATUS, SharedRecord
from robot.shared_memory.mailbox import Mailbox
from robot.shared_memory.ring import Ring
from robot.tasks import find_task
from sim.with_parent import outlive_parent

CHECKPOINT_EVERY_S = 20.0
SAVE_S = 1.5  # for the last checkpoint after the session was killed
IDLE_S = 0.001
SHOWN = ("memory", "updates", "updates_per_s", "alpha", "critic_loss", "value_mean", "entropy")


class LearnerProcess:
    """Learns until the session says stop and the ring is empty."""

    def __init__(self, session: SessionFile) -> None:
        self.session = session
        self.records = find_robot(session.kind).records(session.task)
        self.folder = Path(session.folder)
        self.ring = Ring.attach(session.names["transitions"], self.records.transition, LEARNER)
        self.episodes = Ring.attach(session.names["episodes"], episode_dtype(session.layers), LEARNER)
        self.mailbox = Mailbox.attach(session.names["mailbox"], session.weights_size, self.records.belief)
        self.belief = belief_of_run(self.folder)
        self.status = SharedRecord.attach(session.names["learner"], LEARNER_STATUS)
        self.control = SharedRecord.attach(session.names["session"], SESSION_STATUS)
        self.spec = find_task(session.task)
        practice = find_practice(session.kind)
        self.config = load_config(self.folder, practice.options)
        self.pay = reward_of(self.config)
        self.learner = new_learner(self.config, self.spec, practice, starting_policy(self.config), self.pay)
        # What the task's merit and a simulator of its reward improve; by another reward the newest policy is the one
        self.improves_task = self.config.start_from != SCRATCH and not self.config.reward
        self.lived: list[np.ndarray] = []  # transitions of practice, for the fit of the simulator
        self.adaptation = practice.adaptation if self.improves_task else None
        self.adapt_after = list(self.adaptation.after) if self.adaptation else []
        self.best = BestPolicy(self.folder, session.layers, self.spec)
        # Who drives, while a policy is being improved; from scratch the newest does: slow stretches belong to learning
        self.champion = (
            Champion(self.learner.actor_weights(), self.spec.merit.lower_is_better)
            if self.improves_task and practice.challenges
            else None
        )
        self.episodes_ahead: deque[np.ndarray] = deque()  # of later transitions than the last learned one
        self.whole_episodes = Episodes(self.spec, self.config.seed)
        self.learned = 0  # online transitions that this run's learner, or one before it, has seen
        self.saved_s = time.monotonic()  # when a checkpoint was last written

    def run(self) -> None:
        """The process's life."""
        self.catch_up()
        self.learner.warm_up()
        outlive_parent(SAVE_S)
        self.status.write(pid=os.getpid(), ready=1)
        while True:
            session = self.control.read()
            transitions = self.ring.read(PUBLISH_EVERY)
            for transition in transitions:
                self.learn(transition)
            self.ring.release()
            if len(transitions):
                self.report()
                if time.monotonic() - self.saved_s > CHECKPOINT_EVERY_S:
                    self.save()
            elif self.ring.finished or session["stop"] or os.getppid() != session["pid"]:
                break
            else:
                time.sleep(IDLE_S)
        self.take_episodes(sys.maxsize)
        self.report()
        self.save()

    def catch_up(self) -> None:
        """Take in what a predecessor learned, or what the disk has of it."""
        checkpoint = self.folder / "checkpoints" / "learner.npz"
        stored = load_folder(self.folder / "replay")
        if checkpoint.exists():
            self.learner.load(checkpoint)
            known = stored["step"] < self.learner.transitions_seen
            self.learner.restore(self.pay(stored[known]))
            for transition in stored[known]:
                self.see_otherwise(transition)
            stored = stored[~known]
        else:
            self.learner.learn_from_prior()
        self.learner.add(self.pay(stored))
        for transition in stored:
            self.see_otherwise(transition)
        self.lived = [t for t in load_folder(self.folder / "replay") if not t["demonstration"]]
        if self.belief:  # without one, a predecessor died over the fit: it is made up for at once
            self.adapt_after = [count for count in self.adapt_after if count > len(self.lived)]
        self.learned = self.learner.transitions_seen
        if self.champion is not None and (self.folder / NEWEST_FILE).exists():
            self.champion.begin(load_policy(self.folder / NEWEST_FILE).weights)
        self.publish()

    def learn(self, transition: np.ndarray) -> None:
        """One transition and its share of updates."""
        if transition["step"] < self.learned:
            return  # a predecessor left it on disk
        self.learner.add(self.pay(transition.reshape(1)))
        self.see_otherwise(transition)
        self.learned += 1
        self.take_episodes(int(transition["step"]))
        if not transition["demonstration"]:
            if self.learner.updates == 0:
                self.learner.imitate()
            if transition["terminated"] and self.champion is not None and self.champion.reject():
                self.go_on_from_champion()
            self.learner.update()
            self.lived.append(transition.copy())
            if self.adapt_after and len(self.lived) >= self.adapt_after[0]:
                self.adapt()
        if self.learned % PUBLISH_EVERY == 0:
            self.publish()

    def see_otherwise(self, transition: np.ndarray) -> None:
        """Where an episode is whole: take it in as it might have been seen as well."""
        self.learner.add_prior(self.pay(self.whole_episodes.seen_otherwise(transition)))

    def take_episodes(self, step: int) -> None:
        """The episodes that ended up to this transition. The learner goes on from whoever won a challenge with one."""
        self.episodes_ahead.extend(self.episodes.read())
        self.episodes.release()
        while self.episodes_ahead and self.episodes_ahead[0]["step"] <= step:
            episode = self.episodes_ahead.popleft()
            self.best.add(episode)
            if self.champion is not None and self.champion.add(episode):
                self.go_on_from_champion()
        if self.champion is not None and self.champion.may_be_challenged:
            self.champion.challenge(self.learner.actor_weights())

    def go_on_from_champion(self) -> None:
        """A challenge is over: the learner begins anew from who drives now."""
        assert self.champion is not None
        self.learner.go_back(self.champion.weights)
        self.saved_s = -math.inf  # soon again: a successor is to know who drives
        won = not self.champion.costs  # a new champion, of which no episode is known
        whose = "the new policy" if won else "the policy as it was"
        print(f"after {self.learned} decisions a challenge is over: {whose} drives", flush=True)

    def adapt(self) -> None:
        """Let the robot fit its simulator to what it has done so far, and a policy improved in it challenge."""
        assert self.champion is not None and self.adaptation is not None
        count = len(self.lived)
        adapted = self.adaptation.adapt(
            self.config, self.folder, np.array(self.lived, self.records.transition), self.champion.weights,
            self.session.layers, self.config.seed + count,
        )  # fmt: skip
        if adapted is None:
            self.adapt_after[0] = count + self.adaptation.again
            return
        self.adapt_after = [later for later in self.adapt_after if later > count]
        self.belief = adapted.belief
        write_json(self.folder / BELIEF_FILE, sealed(adapted.belief))
        self.learner.move_to(adapted.weights)
        self.champion.challenge(self.learner.actor_weights())
        self.saved_s = -math.inf
        print(f"after {count} decisions: {adapted.text}", flush=True)

    @property
    def driving(self) -> np.ndarray:
        """The actor that the robot is to drive with."""
        return self.learner.actor_weights() if self.champion is None else self.champion.driving

    def publish(self) -> None:
        """Leave the actor in the mailbox, and what the robot asks for of what the fit found; what is not finite stays here, and
        stops the learning.
        """
        asked = {name: self.belief[name] for name in self.records.belief if self.belief}
        self.mailbox.publish(self.driving, self.learned, time.monotonic(), asked)

    def report(self) -> None:
        """Show how it goes."""
        metrics = self.learner.metrics()
        self.status.write(transitions=self.learned, **{name: metrics[name] for name in SHOWN})

    def save(self) -> None:
        """Checkpoint: everything that a successor needs to go on, and the policy by itself."""
        checkpoints = self.folder / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        self.saved_s = time.monotonic()
        self.learner.save(checkpoints / "learner.npz")
        save_policy(
            self.folder / NEWEST_FILE,
            self.learner.actor_weights() if self.champion is None else self.champion.weights,
            self.session.layers,
            task=self.spec.name,
            rate_hz=self.spec.rate_hz,
            transitions=self.learned,
        )


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the session decides
    with end_with_reason("learner"):
        LearnerProcess(SessionFile.load(Path(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
