"""Whether the way to a drone is there: the Crazyradio or the drone's cable, and the right to use it. Nothing is opened.

Rules as in Bitcraze's documentation of cflib (installation/usb_permissions).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robot.commissioning.checks import Check

RULES_FILE, GROUP = "/etc/udev/rules.d/99-bitcraze.rules", "plugdev"
RULE_FOLDERS = ("etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
USB_DEVICES, NODES = "sys/bus/usb/devices", "dev/bus/usb"


@dataclass(frozen=True)
class UsbDevice:
    """One kind of device, by its ids."""

    text: str
    vendor: str
    product: str
    plug_in: str

    @property
    def rule(self) -> str:
        return (f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{self.vendor}", ATTRS{{idProduct}}=="{self.product}", MODE="0664", '
                f'GROUP="{GROUP}"')  # fmt: skip


WAYS = {
    "radio": UsbDevice("Crazyradio", "1915", "7777", "plug the Crazyradio in; hand it through to a virtual machine or a container"),
    "usb": UsbDevice("drone's cable", "0483", "5740", "plug the drone in by a cable that carries data, and switch it on"),
}  # fmt: skip


def way_checks(uri: str, root: Path = Path("/"), superuser: bool | None = None) -> list[Check]:
    """Of the USB device that an address needs; none of an address by network. root: of this computer's files."""
    device = WAYS.get(uri.partition("://")[0])
    if device is None:
        return []
    name, nodes = device.text, list(nodes_of(device, root))
    there = Check(name, bool(nodes), str(nodes[0]) if nodes else "not plugged in", "" if nodes else device.plug_in)
    superuser = os.geteuid() == 0 if superuser is None else superuser
    allowed = (
        superuser or all(os.access(node, os.R_OK | os.W_OK) for node in nodes) if nodes else has_rule(device, root)
    )
    remedy = (
        f"echo '{device.rule}' | sudo tee -a {RULES_FILE}; sudo groupadd -f {GROUP}; sudo usermod -aG {GROUP} $USER; "
        "sudo udevadm control --reload-rules; sudo udevadm trigger, then log in and plug it in again"
    )
    why_not = "this user may not use it" if nodes else "no udev rule names it"
    rights = Check(f"{name}: rights", superuser or allowed, "this is the superuser" if superuser else "allowed" if allowed else
                   why_not, "" if superuser or allowed else remedy)  # fmt: skip
    return [there, rights]


def nodes_of(device: UsbDevice, root: Path) -> Iterator[Path]:
    """Where the system keeps those that are plugged in."""
    for folder in sorted((root / USB_DEVICES).glob("*")):
        try:
            ids = [(folder / name).read_text().strip().lower() for name in ("idVendor", "idProduct")]
            if ids == [device.vendor, device.product]:
                bus, number = (int((folder / name).read_text()) for name in ("busnum", "devnum"))
                yield root / NODES / f"{bus:03}" / f"{number:03}"
        except (OSError, ValueError):  # an interface, no device; or it was unplugged just now
            continue


def has_rule(device: UsbDevice, root: Path) -> bool:
    """Whether a rule of udev names it."""
    for folder in RULE_FOLDERS:
        for path in (root / folder).glob("*.rules"):
            try:
                lines = path.read_text(errors="replace").lower().splitlines()
            except OSError:
                continue
            if any(
                device.vendor in line and device.product in line and not line.lstrip().startswith("#") for line in lines
            ):
                return True
    return False
