"""Which release of the firmware a virtual Crazyflie has, as far as they differ in what the rest of the emulator does.

Read in the tags of github.com/bitcraze/crazyflie-firmware: crtp.h, controller.h, power_distribution_quadrotor.c.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """One release."""

    name: str  # V_STAG, which the platform service tells
    protocol: int  # of CRTP
    out_of_tree: int  # stabilizer.controller of an app's controller
    distributes_forces: bool  # before 2025.12, forces asked for by a controller are forgotten: the rotors keep theirs

    @property
    def has_supervisor_port(self) -> bool:
        """Arming and emergency stop were on other ports before."""
        return self.protocol >= 12


RELEASES = {
    version.name: version
    for version in (
        Version("2023.11", 7, 5, False),
        Version("2024.10", 8, 6, False),
        Version("2025.02", 9, 6, False),
        Version("2025.09", 10, 6, False),
        Version("2025.09.1", 10, 6, False),
        Version("2025.12", 10, 6, True),
        Version("2025.12.1", 10, 6, True),
        Version("2026.04", 12, 6, True),
        Version("2026.08", 12, 6, True),
        Version("NA", 12, 6, True),  # built from a clone without tags
    )
}
NEWEST = RELEASES["2026.08"]
