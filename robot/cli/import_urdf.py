"""`robot import-urdf`: an arm's parameter file from a robot description."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robot.cli.output import finish, parse
from robot.views.say import say
from sim.arm.parameters import toml_text
from sim.arm.urdf import read_urdf


@dataclass(frozen=True)
class ImportConfig:
    """Read links, inertias, axes and ranges of a serial arm from a URDF, and write them as an arm's parameter file.

    What a description does not tell is added by hand: servo, tool, pads, capsules, as in `sim/arm/data/so101.toml`.
    """

    file: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None  # a new file; none: of the description's name, in this folder


def main(arguments: list[str]) -> int:
    config, as_json = parse(ImportConfig, "import-urdf", arguments)
    arm = read_urdf(config.file)
    output = config.output or Path(f"{config.file.stem}.toml")
    try:
        with output.open("x") as file:
            file.write(toml_text(arm))
    except FileExistsError as error:
        raise ValueError(f"{output}: found a file that is there already, allowed: a new name by --output") from error
    say(f"file     {output}")
    for link in arm.links:
        low, high = link.range_rad
        say(f"  {link.name:<24} {link.mass_kg:8.4f} kg   {low:7.3f} to {high:7.3f} rad")
    finish({"file": str(output), "links": [link.name for link in arm.links]}, as_json)
    return 0
