"""What every set-up is asked, whatever the robot; a robot's own options are a subclass."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SetupOptions:
    """A robot is set up, step by step."""

    robot: str = ""
    """A robot of `robot tasks`, or the path of a robot's TOML file."""
    seed: int = 0
    yes: bool = False
    """What a person is asked to do has been done: go on without waiting."""
    resume: str = ""
    """Take up the set-up in this folder where it was left."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")
