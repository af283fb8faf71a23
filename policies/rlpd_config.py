"""The learner's settings, and the two presets: practice from scratch, and from a policy.

Why they are what they are, and what else was tried, is in docs/experiments/learner.md.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class RlpdConfig:
    """What the learner does. The defaults are the preset for practice from scratch."""

    seed: int = 0
    batch: int = 128
    updates_per_step: int = 4
    """Critic updates to one decision of the robot; never more, so that a slow robot is not overlearned."""
    updates_per_actor: int = 4
    """Critic updates to one update of the actor and of alpha."""
    critics: int = 2
    critic_subset: int = 2
    """How many of the target critics, drawn at random, the target takes the least of."""
    critic_hidden: int = 128
    actor_hidden: int = 64
    gamma: float = 0.98
    """Discount of a decision: 0.98 looks 5 s ahead at 10 Hz."""
    n_step: int = 1
    """Decisions that a return sums up before it turns to the critics."""
    target_share: float = 0.005
    """Of the way that the target critics go towards the critics in one update."""
    critic_rate: float = 1e-3
    actor_rate: float = 1e-3
    alpha_rate: float = 1e-3
    rates_end: float = 1.0
    """Share that is left of the critics' and the actor's rates after `settle_steps` decisions."""
    settle_steps: int = 11000
    """Over which the rates and `average_share` fall, in straight lines: what wavers less is faster."""
    std_start: float = 0.6
    """Standard deviation of the first actions, before they are squashed."""
    alpha_start: float = 0.1
    alpha_floor: float = 1e-4
    entropy_start: float = -2.0
    """Target entropy at first: wide exploration; it falls in a straight line over `entropy_steps` decisions."""
    entropy_end: float = -6.0
    entropy_steps: int = 10000
    prior_share_start: float = 0.5
    """Share of demonstrations and prior data in a batch; it falls in a straight line over `prior_share_steps`."""
    prior_share_end: float = 0.1
    prior_share_steps: int = 3000
    prior_updates: int = 0
    """Critic updates on prior data alone before the first decision; the targets then follow by another share."""
    prior_target_share: float = 0.05
    imitation_updates: int = 0
    """Updates of the actor towards what was shown, before the first decision is learned from; the anchor is then there."""
    average_share: float = 1.0
    """Of the way that the robot's actor goes towards the trained one in one update: below 1, an average over time."""
    average_share_end: float = 1.0
    anchor: float = 0.0
    """Weight of staying near the actions of the starting policy; it falls in a straight line over `anchor_steps`."""
    anchor_end: float = 0.0
    anchor_steps: int = 6000
    refusal_cost: float = 1.0
    """What proposing an action costs that the supervisor changes, for each unit of its largest change."""
    memory: int = 100_000


FROM_SCRATCH = RlpdConfig(average_share=0.01, rates_end=0.2, average_share_end=0.001)
FROM_POLICY = RlpdConfig(
    updates_per_step=6, updates_per_actor=3, gamma=0.97, target_share=0.01, actor_rate=3e-4, std_start=0.03,
    alpha_start=0.002, alpha_floor=5e-4, entropy_start=-5.0, entropy_steps=4000, prior_updates=5000,
    average_share=0.005, average_share_end=0.005, anchor=100.0, anchor_end=10.0, anchor_steps=12000,
)  # fmt: skip
ACTIONS, DECISION_S = 2, 0.1  # numbers of an action, and a decision's duration, that the presets were found with


def for_task(preset: RlpdConfig, actions: int, decision_s: float) -> RlpdConfig:
    """A preset for a task of other sizes: entropy by the actions; discount and schedules last as long in seconds."""
    wider, faster = actions / ACTIONS, DECISION_S / decision_s
    return replace(
        preset,
        gamma=preset.gamma ** (1.0 / faster),
        entropy_start=wider * preset.entropy_start,
        entropy_end=wider * preset.entropy_end,
        entropy_steps=round(faster * preset.entropy_steps),
        prior_share_steps=round(faster * preset.prior_share_steps),
        anchor_steps=round(faster * preset.anchor_steps),
        settle_steps=round(faster * preset.settle_steps),
    )


def schedule(start: float, end: float, over: int, now: int) -> float:
    """From start to end in a straight line over `over` steps, then constant."""
    return start + (end - start) * min(1.0, now / over)
