"""`robot flash`: firmware onto a Crazyflie, read back and compared."""

import hashlib
import zipfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from robot.cli.output import finish, parse
from robot.views.say import say

if TYPE_CHECKING:
    from drivers.crazyflie_bootloader import CrazyflieBootloader


@dataclass(frozen=True)
class FlashConfig:
    """Write firmware to a Crazyflie through its bootloader, read it back, compare, and start it.

    For a Crazyflie: robot export RUN --to crazyflie, build it, then robot flash RUN --image build/cf2.bin --robot
    crazyflie. The virtual one takes a run alone: an image that tests the policy, and does not fly.
    """

    run: Annotated[str, tyro.conf.Positional] = ""
    """A run's folder, or a policy file: the image must carry this policy."""
    image: str = ""
    """Firmware built with the exported app (.bin), or a release archive of Bitcraze's (.zip)."""
    robot: str = "virtual-crazyflie"
    """`crazyflie`, `virtual-crazyflie`, or the path of a robot's TOML file."""
    uri: str = ""
    """Where the device is, if not where the robot's file says: radio://... or udp://HOST:PORT."""
    loss: float = 0.0
    """Share of datagrams that the virtual device's link loses, each way."""
    seed: int = 0
    """Of the virtual device's losses."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.loss < 1.0:
            raise ValueError(f"--loss: found {self.loss}, allowed: 0 to less than 1")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")


def main(arguments: list[str]) -> int:
    config, as_json = parse(FlashConfig, "flash", arguments)
    from drivers.base import LinkLost
    from drivers.crazyflie_bootloader import CrazyflieBootloader, FlashError
    from drivers.emulators.crazyflie_bootloader import VirtualBootloaderConfig, start_virtual_bootloader
    from robot.robots.quadrotor.drone_file import load_drone

    drone = load_drone(config.robot)
    uri = config.uri or ("" if drone.virtual else drone.crazyflie.uri)
    if config.loss and uri:
        raise ValueError(f"--loss: found {config.loss} for {uri}, allowed: with the virtual Crazyflie alone")
    image = image_of(config, virtual=not uri)
    say(f"image    {len(image)} bytes, sha256 {hashlib.sha256(image).hexdigest()}")

    figures: dict[str, Any] = {"verified": False, "sha256": None, "pages": 0, "pages_rewritten": 0}
    device = nullcontext(uri) if uri else start_virtual_bootloader(VirtualBootloaderConfig(config.loss, config.seed))
    with device as place:
        try:
            with CrazyflieBootloader(place) as bootloader:
                figures = write(bootloader, image, virtual=not uri, quiet=as_json)
                bootloader.reset_to_firmware()
        except (KeyboardInterrupt, LinkLost, FlashError) as error:
            say("\n".join([f"robot flash: {str(error) or 'interrupted'}", *getattr(error, "__notes__", [])]))
            finish(figures, as_json)
            return 130 if isinstance(error, KeyboardInterrupt) else 1
    say(f"device   {figures['pages']} pages read back, sha256 {figures['sha256']}; the firmware runs")
    finish(figures, as_json)
    return 0 if figures["verified"] else 1


def image_of(config: FlashConfig, virtual: bool) -> bytes:
    """The image to write, checked. Raises ValueError for a wrong one."""
    from firmware_export.firmware_image import check_image, load_image, policy_image, read_release
    from firmware_export.flying import DECIDED
    from robot.tasks.network_of_run import network_of_run

    network = network_of_run(Path(config.run)) if config.run else None
    if network is not None and [(field.name, field.size) for field in network.action] != [DECIDED]:
        raise ValueError(f"{config.run}: found a policy for {network.task}, allowed: one that flies a quadrotor")
    if config.image:
        image = load_image(Path(config.image), network)
        if zipfile.is_zipfile(config.image):
            release = read_release(Path(config.image))
            say(
                f"release  {release.version} for {release.airframe}; left as they are: {', '.join(release.others) or 'none'}"
            )
        return image
    if network is None:
        raise ValueError("found neither RUN nor --image, allowed: one of them, or both")
    if not virtual:
        raise ValueError(f"--image: found none, allowed: the firmware built with the app of `robot export {config.run} "
                         "--to crazyflie` (build/cf2.bin)")  # fmt: skip
    image = policy_image(network)
    check_image(Path(config.run), image, network)
    return image


def write(bootloader: "CrazyflieBootloader", image: bytes, virtual: bool, quiet: bool) -> dict[str, Any]:
    """Flash with a progress bar; returns the figures. An error says how to go on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from drivers.base import LinkLost
    from drivers.crazyflie_bootloader import FlashError

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TextColumn("pages"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("erasing", total=None)
        try:
            flashed = bootloader.flash(
                image, lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
            )
        except (KeyboardInterrupt, LinkLost, FlashError) as error:
            again = "" if virtual else f" and --uri {bootloader.reached_at}"
            error.__notes__ = [  # type: ignore[union-attr]  # Python 3.10 has no add_note
                "the device holds no verified firmware, and stays in its bootloader until it is switched off",
                f"go on with the same command{again}; once it was switched off: hold its button until the blue light "
                "blinks, and give the same command",
            ]
            raise
    return {
        "verified": flashed.sha256 == hashlib.sha256(image).hexdigest(),
        "sha256": flashed.sha256,
        "pages": flashed.pages,
        "pages_rewritten": flashed.pages_rewritten,
        "pieces_resent": flashed.pieces_resent,
    }
