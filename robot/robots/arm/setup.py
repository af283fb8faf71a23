"""What a life of an arm's mind starts from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robot.practice.episodic_mind import EpisodicSetup
from robot.robots.arm.arm_file import ArmFile

if TYPE_CHECKING:
    from robot.practice.practice import Start

KIND = "arm"


@dataclass(frozen=True)
class ArmSetup(EpisodicSetup):
    """Beside what episodic minds start from: the task, demonstrations still to be shown, who leads back to where an episode begins
    ("scripted" or "learned"), what the arm's file says, its hand, as `sim.arm.kinematics.Hand`, and its body, as `sim.arm.capsules.Body`,
    its leader's ranges, none where it has no leader, and the weights of a classifier of success (`success.py`), none where the task says what a success is.
    """

    task: str = ""
    demonstrations: int = 0
    resets: str = "scripted"
    low_rad: tuple[float, ...] = ()
    high_rad: tuple[float, ...] = ()
    rest_rad: tuple[float, ...] = ()
    folded_rad: tuple[float, ...] = ()
    ready_rad: tuple[float, ...] = ()
    box_low_m: tuple[float, ...] = ()
    box_high_m: tuple[float, ...] = ()
    hold_rad: float = 0.0
    low_v: float = 0.0
    axes: tuple[tuple[float, ...], ...] = ()
    origins_m: tuple[tuple[float, ...], ...] = ()
    offsets_rad: tuple[float, ...] = ()
    tool: tuple[tuple[float, ...], ...] = ()
    table_m: float = 0.0
    body_axes: tuple[tuple[float, ...], ...] = ()
    body_origins_m: tuple[tuple[float, ...], ...] = ()
    body_offsets_rad: tuple[float, ...] = ()
    capsule_links: tuple[int, ...] = ()
    capsule_ends_m: tuple[tuple[tuple[float, ...], ...], ...] = ()
    capsule_radii_m: tuple[float, ...] = ()
    success: tuple[float, ...] = ()
    leader_low_rad: tuple[float, ...] = ()
    leader_high_rad: tuple[float, ...] = ()


def told_by(arm: ArmFile) -> dict[str, Any]:
    """What an arm's file says, by the fields of `ArmSetup`."""
    names = ("rest_rad", "folded_rad", "ready_rad", "box_low_m", "box_high_m", "hold_rad", "low_v", "table_m")
    return {name: getattr(arm, name) for name in names} | {
        "low_rad": arm.follower.low_rad,
        "high_rad": arm.follower.high_rad,
        "leader_low_rad": () if arm.leader is None else arm.leader.low_rad,
        "leader_high_rad": () if arm.leader is None else arm.leader.high_rad,
    }


def setup_of(start: "Start", arm: ArmFile, task: str, seed: int, demonstrations: int, resets: str,
             hand: dict[str, Any], success: tuple[float, ...] = (), camera: dict[str, float] | None = None) -> bytes:  # fmt: skip
    """For a life of a session, with the newest weights; its noise is its own. hand: as `hand_told`. success: a classifier's weights. camera:
    what is believed of it."""
    progress, policy = start.progress, start.policy
    setup = ArmSetup(
        seed=[seed, start.life], explore=start.learning, practice_s=start.practice_s, episodes=start.episodes,
        practice_done_s=progress.practice_s, step=progress.step, episode=progress.episode, task=task,
        demonstrations=demonstrations, resets=resets, success=success, belief=camera or {}, **told_by(arm), **hand,
    )  # fmt: skip
    return setup.to_bytes(KIND, policy.weights if start.newest is None else start.newest, policy.layers)
