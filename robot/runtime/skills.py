"""Skills: whatever may hold the robot for a while. Practice is an order of them that the robot states, round and round.

(Scripted("reset", go_back), Learned("insert", judge, 10.0))        a scripted way back, and the policy

(Learned("pull", judge_back, 10.0, way_back=True, otherwise=Scripted("reset", go_back)),
 Learned("insert", judge, 10.0))                    two of the policy's that undo each other; a script where one fails
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robot.runtime.episodes import Outcome

HELP_AFTER = 3  # ways back in a row that led nowhere


@dataclass(frozen=True)
class Scripted:
    """A way back to where an episode begins, written down.

    act: of what is seen, the action that leads there; None there. longest_s: after which it has failed.
    """

    name: str
    act: Callable[[np.ndarray], np.ndarray | None]
    longest_s: float = 20.0


@dataclass(frozen=True)
class Learned:
    """A skill of the policy's. All that are learned share one network, which is told by what it sees what is wanted of it.

    judge: of what is seen, what the last decision earned, and whether the skill has ended with it. longest_s: after which it is
    out of time. way_back: it leads to where an episode begins, so its end is a reset and no episode. otherwise: what leads
    there where it has not succeeded.
    """

    name: str
    judge: Callable[[np.ndarray], tuple[float, Outcome]]
    longest_s: float
    way_back: bool = False
    otherwise: Scripted | None = None


Skill = Scripted | Learned


class Order:
    """Whose turn it is. skill: in force. Where nothing leads back any more, a person is asked once, and practice goes on."""

    def __init__(self, *skills: Skill) -> None:
        self.skills, self.turn, self.skill = skills, 0, skills[0]
        self.lost = 0  # ways back in a row that led nowhere

    def begin(self) -> None:
        """From the first one on."""
        self.turn, self.skill = 0, self.skills[0]

    def ended(self, succeeded: bool) -> int:
        """The skill in force has ended. Returns after how many ways back in a row a person is to be asked for help now; 0: not."""
        skill = self.skill
        if isinstance(skill, Learned) and not succeeded and skill.otherwise is not None:
            self.skill = skill.otherwise
            return 0
        self.turn = (self.turn + 1) % len(self.skills)
        self.skill = self.skills[self.turn]
        if isinstance(skill, Scripted) or skill.way_back:
            self.lost = 0 if succeeded else self.lost + 1
            return self.lost if self.lost == HELP_AFTER else 0
        return 0
