"""An arm's devices, as the control loop sees them: its servos, the stage with the board, an arm that leads it, and who looks through its camera."""

from dataclasses import replace

import numpy as np

from drivers.base import LinkLost
from drivers.board_stage import BoardReading, BoardStage
from drivers.declared import make_driver
from drivers.reading_record import fill, forget
from drivers.servo_bus import ServoBus
from robot.perception.place import perceived
from robot.robots.arm.arm_file import load_arm
from robot.runtime.clock import Clock
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from robot.runtime.session_file import SessionFile

ASK_EVERY, LET_GO_EVERY, HOLD_EVERY = 5, 50, 50  # ticks


class FollowerDevice(DriverDevice):
    """The servos. Their torque is switched where the mind says so, and again where the link was lost meanwhile."""

    def __init__(self, bus: ServoBus) -> None:
        super().__init__(bus, self._act)
        self.bus = bus
        self._holds, self._rearmed = False, 0
        self._ticks = 0  # since the torque was switched
        self.reconnect = self._reconnect
        self.stop = self._stop

    def _reconnect(self) -> bool:
        self._holds = False
        return self.bus.reconnect()

    def read(self, record: np.ndarray) -> None:
        """Nothing, until all servos have told what they are. Raises LinkLost, too, while one cannot be commanded: who was silent at first may
        turn out to be so, and its joint would hang while the others move."""
        reading = self.bus.read()
        if self.bus.unfit:
            raise LinkLost(self.bus.unfit)
        if len(self.bus.known) == len(self.bus.settings.ids):
            fill(record, reading)

    def _act(self, outputs: np.ndarray) -> None:
        command = outputs["command"]
        rearmed = int(command["rearmed"])
        if bool(command["torque"]) != self._holds or rearmed != self._rearmed:
            self._holds, self._rearmed, self._ticks = bool(command["torque"]), rearmed, 0
            self.bus.torque(self._holds)
        elif self._holds:
            self._ticks += 1
            if self._ticks % HOLD_EVERY == 0:
                self.bus.torque_again()
            self.bus.write(command["goal_rad"].tolist())

    def _stop(self) -> None:
        """Hold, where it holds; who lies where he may be let go is let go."""
        if self._holds:
            self.bus.stop()
        else:
            self.bus.let_go()

    def absent(self, record: np.ndarray) -> None:
        forget(record)
        record["points"] = 0


class LeaderDevice(DriverDevice):
    """An arm that a person's hand moves: its servos are let go, and read."""

    def __init__(self, bus: ServoBus) -> None:
        super().__init__(bus, self._act)
        self.bus = bus
        self._ticks = 0
        self.stop = bus.let_go

    def _act(self, outputs: np.ndarray) -> None:
        """Again and again: one that was plugged in anew, or missed it, would resist."""
        if self._ticks % LET_GO_EVERY == 0:
            self.bus.torque(False)
        self._ticks += 1


class BoardDevice(DriverDevice):
    """The stage: told where to go until it is there."""

    def __init__(self, stage: BoardStage) -> None:
        super().__init__(stage, self._act)
        self.stage = stage
        self._there = self._ticks = 0

    def read(self, record: np.ndarray) -> None:
        reading: BoardReading = self.stage.read()
        self._there = reading.moves
        fill(record, reading)

    def _act(self, outputs: np.ndarray) -> None:
        moves = int(outputs["command"]["moves"])
        if moves > self._there and self._ticks % ASK_EVERY == 0:
            self.stage.go(moves)
        self._ticks += 1


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    """Those of a session. Raises ValueError for what is wrong in the robot's file."""
    arm, ports = load_arm(session.robot), session.ports
    bus: ServoBus = make_driver(replace(arm.follower, port=ports["follower"]), clock)
    stage: BoardStage = make_driver(replace(arm.board, port=ports["board"]), clock)
    found: dict[str, Device] = {"follower": FollowerDevice(bus), "board": BoardDevice(stage)}
    if arm.leader is not None:
        found["leader"] = LeaderDevice(make_driver(replace(arm.leader, port=ports["leader"]), clock))
    if session.perception is not None:
        found["camera"] = DriverDevice(perceived(session.perception, clock))
    return found
