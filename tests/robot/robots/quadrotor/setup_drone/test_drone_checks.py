"""What a doctor finds of a drone that is not fit to be flown, each with its remedy, on the virtual one through the real cflib."""

import time
from pathlib import Path

from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig, start_virtual_crazyflie
from robot.robots.quadrotor.setup_drone.drone_checks import checks

FILE = 'virtual = false\n[devices.crazyflie]\ndriver = "crazyflie"\nuri = "{uri}"\nconnect_s = 10.0\n'


def test_old_firmware_an_empty_battery_and_no_deck_are_found_and_then_that_nothing_answers(tmp_path: Path) -> None:
    robot = tmp_path / "drone.toml"
    with start_virtual_crazyflie(VirtualCrazyflieConfig(firmware="2025.09.1", positioning="none")) as drone:
        drone.fault("battery", volts=3.3)
        time.sleep(1.5)  # what it tells of its voltage is smoothed
        robot.write_text(FILE.format(uri=drone.uri))
        found = {check.name: check for check in checks(str(robot))}
    remedies = {name: check.remedy for name, check in found.items() if not check.ok}
    assert list(remedies) == ["firmware", "battery", "positioning deck"]
    assert "release 2025.12 or later; update it with cfclient" in remedies["firmware"]
    assert "charge it" in remedies["battery"]
    assert "plug in a Lighthouse, Flow v2 or Loco deck" in remedies["positioning deck"]
    assert found["link"].ok and found["type"].ok
    (link,) = checks(str(robot))
    assert (link.name, link.ok) == ("link", False)
    assert "Is the Crazyflie on, and the address right?" in link.remedy
