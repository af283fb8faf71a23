"""Which firmware a Crazyflie has, and whether an app of ours can fly with it.

Releases are named by year and month: 2025.12, 2025.12.1; "2025.12 +37" is 37 commits after one (versionTemplate.py). A
build from a clone without tags says "NA", and then its app answers for it, which does not build on an older one.
"""

import re
import threading
from typing import TYPE_CHECKING

from drivers.told_text import told_text

if TYPE_CHECKING:
    import cflib.crazyflie

FIRST_FIRMWARE = (2025, 12)  # whose powerDistributionForce is not empty
VERSION_CHANNEL, FIRMWARE_VERSION, DEVICE_TYPE = 1, 1, 2  # of the platform port
ANSWER_S = 1.0


def ask_version(cf: "cflib.crazyflie.Crazyflie") -> str:
    """The firmware's name for itself; empty if it does not answer within ANSWER_S."""
    return _ask(cf, FIRMWARE_VERSION)


def ask_device_type(cf: "cflib.crazyflie.Crazyflie") -> str:
    """What the drone is, "CF21" or the like (platform_*.c); empty if it does not answer within ANSWER_S."""
    return _ask(cf, DEVICE_TYPE)


def _ask(cf: "cflib.crazyflie.Crazyflie", what: int) -> str:
    from cflib.crtp.crtpstack import CRTPPacket, CRTPPort  # here: replays, which ask nobody, do without cflib

    answered = threading.Event()
    found: list[str] = []

    def take(packet: CRTPPacket) -> None:
        data = bytes(packet.data)
        if packet.channel == VERSION_CHANNEL and data[:1] == bytes([what]):
            found.append(told_text(data[1:]).strip())
            answered.set()

    cf.add_port_callback(CRTPPort.PLATFORM, take)
    try:
        question = CRTPPacket()
        question.set_header(CRTPPort.PLATFORM, VERSION_CHANNEL)
        question.data = (what,)
        cf.send_packet(question)
        answered.wait(ANSWER_S)
    finally:
        cf.remove_port_callback(CRTPPort.PLATFORM, take)
    return found[0] if found else ""


def release(version: str) -> tuple[int, int] | None:
    """Year and month in a version's name; None if it names none."""
    named = re.match(r"(20\d\d)\.(\d{1,2})\b", version)
    return (int(named[1]), int(named[2])) if named else None


def too_old(version: str) -> str:
    """Why a policy cannot fly with this firmware; empty if it can, or if the version does not say."""
    found = release(version)
    if found is None or found >= FIRST_FIRMWARE:
        return ""
    year, month = FIRST_FIRMWARE
    return (
        f"firmware {version} forgets the forces that a controller asks for, and the rotors would freeze; "
        f"allowed: release {year}.{month} or later"
    )
