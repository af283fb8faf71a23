"""Which port is whose, where ports have two names and another arm's servos answer as well."""

import pytest

from robot.commissioning.steps import SetupError
from robot.robots.arm.setup_arm.ports import find_ports


@pytest.fixture
def ports(tmp_path):
    """An adapter of servos, a leader's, and a stage, each by a name that survives replugging, and by its own."""
    own = []
    for name in ("servos", "leader", "stage"):
        (tmp_path / f"tty-{name}").touch()
        (tmp_path / name).symlink_to(tmp_path / f"tty-{name}")
        own.append(str(tmp_path / name))
    return [*own, *(f"{tmp_path}/tty-{name}" for name in ("servos", "leader", "stage"))]


def test_a_port_with_two_names_is_one_and_a_leaders_is_left_alone(ports):
    told = {"board": "/dev/nothing", "follower": "/dev/nothing"}
    tests = {"board": lambda port: port.endswith("stage"), "follower": lambda port: port.endswith(("servos", "leader"))}
    assert find_ports(told, tests, ports, [ports[4]]) == {"board": ports[2], "follower": ports[0]}
    with pytest.raises(SetupError, match=r"follower: found at .*servos and .*leader, allowed: one"):
        find_ports(told, tests, ports)
