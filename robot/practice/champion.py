"""Champion and challenger: which policy is in charge, while the learner looks for a better one.

Learning online makes a policy that fits its robot worse before it may make it better, so what the learner has is not what is
in charge. The champion is, its weights unchanged. After every `EPISODES` of its episodes the learner's policy, as it then is,
challenges it: it takes charge, and becomes the champion if it is better than the median of the champion's last episodes in
as many in a row. Its first worse one ends the challenge, so of any five in a row most are the champion's, or better. Of two
policies that are equally good the challenger wins once in twelve times.

A champion of whom too little is known to compare with gives way at once: the first fit comes within two episodes, and mostly makes
it much better. But it comes back where its successor's first episodes are in the median worse than its own were.

The change may come within an episode, a second or so after its beginning. Only those that began and ended with the same
weights count.
"""

import math
from collections import deque

import numpy as np

from robot.runtime.episodes import Outcome

EPISODES = 5  # by which a policy is measured; the champion has as many between two challenges
KNOWN = 3  # a champion of fewer is nobody to compare with
CLEARLY_WORSE = 0.02  # an episode in which the change came ends a challenge where it is worse by this share


class Champion:
    """Takes in episodes in order. `weights`: the champion's; `driving`: those to act with next.

    lower_is_better: of the merit, which is kept as a cost, less for the better.
    """

    def __init__(self, weights: np.ndarray, lower_is_better: bool = True) -> None:
        self.sign = 1.0 if lower_is_better else -1.0
        self.first = weights
        self.begin(weights)
        self.before: tuple[np.ndarray, list[float]] | None = (
            None  # who gave way, weights and costs, until that is judged
        )
        self.driver = np.zeros_like(weights)  # at the end of the newest episode

    def begin(self, weights: np.ndarray) -> None:
        """From now on these weights are the champion's, of which no episode is known."""
        self.weights = weights
        self.costs: deque[float] = deque(maxlen=EPISODES)  # infinite where it was no success
        self.rested = 0  # episodes since the last challenge or failure
        self.challenger: np.ndarray | None = None
        self.better = 0  # episodes of the challenger

    @property
    def driving(self) -> np.ndarray:
        return self.weights if self.challenger is None else self.challenger

    @property
    def median_cost(self) -> float:
        """Of the champion's last episodes, of which there must be some."""
        return float(np.median(self.costs))

    @property
    def may_be_challenged(self) -> bool:
        """Whether it is time for the learner's policy to show what it can."""
        return self.challenger is None and self.rested >= EPISODES

    def challenge(self, weights: np.ndarray) -> None:
        """Let these weights act until they have won or lost; a champion of which little is known gives way at once."""
        if len(self.costs) < KNOWN:
            self.before = self.before or (self.weights, list(self.costs))
            self.begin(weights)
        else:
            self.challenger, self.better = weights, 0

    def add(self, episode: np.ndarray) -> bool:
        """The next one, a record of `episode_dtype`. Returns whether a challenge ended with it: `weights` has won."""
        # As it came: the same policy, though the learner has given it another noise since
        driver = self.first if episode["baseline"] else episode["weights"].copy()
        whole = np.array_equal(driver, self.driver)
        self.driver = driver
        cost = self.sign * float(episode["merit"]) if episode["outcome"] == Outcome.SUCCESS else math.inf
        if self.challenger is not None and np.array_equal(self.driver, self.challenger):
            return self.judge(cost, whole)
        if whole and self.before is not None and np.array_equal(self.driver, self.before[0]):
            self.before[1].append(cost)  # it still acted when it had given way
        if whole and np.array_equal(self.driver, self.weights):
            self.costs.append(cost)
            self.rested += 1
            return self.judge_successor()
        return False

    def judge_successor(self) -> bool:
        """As soon as the champion is known: whether it is worse than who gave way to it, who then is champion again."""
        if self.before is None or len(self.costs) < KNOWN:
            return False
        (weights, costs), self.before = self.before, None
        if not costs or self.median_cost <= float(np.median(costs)):
            return False
        self.begin(weights)
        self.costs.extend(costs)
        return True

    def judge(self, cost: float, whole: bool) -> bool:
        """An episode that ended with the challenger in charge. Returns whether its challenge ended, too."""
        assert self.challenger is not None
        limit = self.median_cost
        if not whole and math.isfinite(limit):
            limit += CLEARLY_WORSE * abs(limit)
        if not cost < limit:
            return self.reject()
        self.better += whole
        if self.better == EPISODES:
            self.begin(self.challenger)
            return True
        return False

    def reject(self) -> bool:
        """End a challenge, if there is one, in favour of the champion. Returns whether there was one."""
        challenged = self.challenger is not None
        self.challenger, self.rested = None, 0
        return challenged
