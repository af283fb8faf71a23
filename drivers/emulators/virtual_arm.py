"""A virtual arm, what stands beside it on a stage (`arm_worlds`), and their two cables: the process, and the handle on it.

    python -m drivers.emulators.virtual_arm --config FILE          `start_virtual_arm` starts it

The process around it is `packet_host`: its clock, its truth for judges, and what judges do to it, JSON objects {"do": ...}:

    silence     on: the servos' wire is dead, or lives again
    servo       joint, on: one servo's cable is out, or in again
    unplug, plug    device: follower, board, leader or camera
    camera          vice: silent, frozen, black, covered or torn; on: true or false
    late_camera     seconds: pictures come so much later
    supply      volts: of the servos' supply, from now on
    overheat    joint, degrees
    hand        joint_rad: a person's hands hold the arm, and turn these joints (their numbers as words) to angles
    leave       the hands let go
"""

import json
import math
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from drivers.emulators.arm_wiring import ArmWiring, read_wiring, write_wiring
from drivers.emulators.arm_worlds import WORLDS
from drivers.emulators.board_stage import BoardStageEmulator
from drivers.emulators.child import end_when_told, start_emulator
from drivers.emulators.leader_person import LeaderShafts, Person
from drivers.emulators.lines import Pty
from drivers.emulators.packet_host import ANSWER_S, PacketEmulator, serve
from drivers.emulators.servo_chain import ArmShafts
from drivers.unix_socket import listen
from sim.arm.hand import HANDS
from sim.arm.insertion import Spread
from sim.arm.kinematics import Kinematics
from sim.arm.parameters import so101

READY_S = 400.0  # the first start on a machine compiles the kernels; one that fails says so at once
MODULE = "drivers.emulators.virtual_arm"
DEVICES, LEADER, CAMERA = ("follower", "board"), "leader", "camera"
JOINTS = 6
CAMERA_M = Spread().seen_aside_m
AT_LIMIT = 0.99  # of full duty
OVERLOADED_S = 0.3  # at its limit for longer, a servo burns


@njit(cache=True)
def end_in(pose, jacobian, joint_rad_s, place, frame, out):
    """Into out (4,): the end in a hole's frame, and its speed; see `sim.arm.kinematics.forward`."""
    square = 0.0
    for k in range(3):
        out[k], speed = 0.0, 0.0
        for i in range(3):
            out[k] += frame[i, k] * (pose[i] - place[i])
        for joint in range(jacobian.shape[1]):
            speed += jacobian[k, joint] * joint_rad_s[joint]
        square += speed * speed
    out[3] = math.sqrt(square)


class ArmTruth(NamedTuple):
    """How things really are. Peg: its end in the hole's frame, m; or the hand's point in the block's."""

    time_s: float
    peg_x_m: float
    peg_y_m: float
    peg_z_m: float
    tip_m_s: float  # of the peg's end
    tip_worst_m_s: float  # so far
    done: float  # places of the board at which the peg was brought in, so far, or how often the block was lifted
    moves: float  # places that board or block were brought to
    load_worst: float  # share of the full duty that any servo gives now
    overloaded_s: float  # longest that any servo has been at its limit
    overloads: float  # how often one has been there for longer than OVERLOADED_S, so far
    bus_v: float
    hole_x_m: float  # or the block's middle
    hole_y_m: float
    hole_z_m: float


TRUTH = struct.Struct(f"<{len(ArmTruth._fields)}d")


class VirtualArm:
    """The model that `packet_host` serves. world: of `arm_worlds.WORLDS`; the seed is its generator's. wiring: of its servos, and
    what they keep without power, a file that is written whenever that changes; as documented, where none is told. leader: whether a
    leader arm, and a person who moves it, are there as well. camera_seed: of what its board looks like to a camera on its hand; none: there
    is no camera, and the stage tells where it sees the board. With one, the stage tells the middle of where boards may be, always.
    """

    def __init__(self, directory: Path, joint_rad: list[float], seed: int, rows: dict[str, float],
                 offset_m: list[float], world: str = "peg", camera_m: float = CAMERA_M, wiring: str = "",
                 leader: bool = False, turn_rad: Sequence[float] = (0.0, 0.0), camera_seed: int | None = None) -> None:  # fmt: skip
        rng = np.random.default_rng([seed, 0xA63])
        self.world = WORLDS[world](rng, np.array(offset_m), camera_m, turn_rad)
        self._wiring_file = Path(wiring) if wiring else None
        self.wiring = read_wiring(self._wiring_file) if self._wiring_file else ArmWiring()
        nominal_v = self.wiring.nominal_v
        self.shafts = ArmShafts(np.array(joint_rad), self.wiring.supply * nominal_v, nominal_v, self.world.scene)
        batch = self.shafts.batch
        for name, value in rows.items():
            batch.put(name, value)
        self.kinematics = Kinematics(HANDS[world](so101()))
        noise = rng.spawn(2)
        self.tip_worst_m_s, self.overloaded_s, self.overloads = 0.0, 0.0, 0
        seen = self.world.seen if camera_seed is None else self.world.middle
        self.stage = BoardStageEmulator(lambda: self.world.move(batch), seen, noise[0])
        self.chain = self.wiring.chain(self.shafts, noise[1])
        self.lines: dict[str, Any] = {"follower": Pty(directory / "follower"), "board": Pty(directory / "board")}
        self.person: Person | None = None
        if leader:
            shafts, noise = LeaderShafts(nominal_v), rng.spawn(2)
            self.person = Person(shafts, self.kinematics.hand, noise[0])
            self.leader_chain = ArmWiring().chain(shafts, noise[1])
            self.lines[LEADER] = Pty(directory / LEADER)
        self._half_m = batch.first("hole_half_m") if world == "peg" else None
        self.camera: Any = None
        self.time_s = 0.0
        self._at_limit_s = [0.0] * JOINTS
        self._joint, self._speed, self._end = *map(batch.first, ("joint_rad", "joint_rad_s")), np.zeros(4)
        self._look(0.0)
        if camera_seed is not None:
            self.camera = self.lines[CAMERA] = make_camera(directory / CAMERA, world, camera_seed, self.kinematics.pose)

    def advance(self, time_s: float) -> None:
        """Take in what hosts have written, as sent now, and let bytes travel and servos turn until a time."""
        servos, stage = self.lines["follower"].read(), self.lines["board"].read()
        self.chain.receive(servos, self.time_s)
        self.stage.receive(stage, self.time_s)
        self.chain.run(time_s)
        self.stage.run(time_s)
        if self._wiring_file is not None and (kept := self.wiring.as_kept(self.chain)) != self.wiring:
            self.wiring = kept
            write_wiring(self._wiring_file, kept)
        self._look(time_s - self.time_s)
        if self.person is not None:
            self._lead(self.person, time_s)
        if self.camera is not None:
            # what a picture of a goal needs besides: half of a hole's width, or the jaw's angle beside a block
            told = self._joint[-1] if self._half_m is None else self._half_m[0]
            self.camera.run(time_s, self.kinematics.pose, self.world.goal, float(told))
        self.time_s = time_s
        self.lines["follower"].write(self.chain.arrived(self.time_s))
        self.lines["board"].write(self.stage.arrived(self.time_s))

    def _lead(self, person: Person, time_s: float) -> None:
        """The person's moment, and what the leader's servos tell of it."""
        self.leader_chain.receive(self.lines[LEADER].read(), self.time_s)
        self.leader_chain.run(time_s)
        person.look(
            time_s - self.time_s, self._joint[:-1].astype(float), np.array(self.peg_m), self.tip_m_s, self.world.goal
        )
        self.lines[LEADER].write(self.leader_chain.arrived(time_s))

    def _look(self, passed_s: float) -> None:
        shafts, goal = self.shafts, self.world.goal
        self.kinematics.look(self._joint)
        end_in(self.kinematics.pose, self.kinematics.jacobian, self._speed, goal.place_m, goal.frame, self._end)
        *self.peg_m, self.tip_m_s = self._end.tolist()
        self.tip_worst_m_s = max(self.tip_worst_m_s, self.tip_m_s)
        self.world.look(shafts.batch, -self.peg_m[2])
        duties = [abs(shafts.duty(joint)) for joint in range(JOINTS)]
        before_s, self._at_limit_s = (
            self._at_limit_s,
            [
                lasted_s + passed_s if duty > AT_LIMIT else 0.0
                for lasted_s, duty in zip(self._at_limit_s, duties, strict=True)
            ],
        )
        self.overloads += sum(
            was_s <= OVERLOADED_S < is_s for was_s, is_s in zip(before_s, self._at_limit_s, strict=True)
        )
        self.overloaded_s, self.load_worst = max(self.overloaded_s, *self._at_limit_s), max(duties)

    def obey(self, packet: bytes) -> None:
        """What a judge does."""
        order: dict[str, Any] = json.loads(packet)
        match order.pop("do"):
            case "silence":
                self.chain.silent = bool(order["on"])
            case "servo":
                self.chain.servos[int(order["joint"])].present = bool(order["on"])
            case "unplug":
                self.lines[order["device"]].unplug()
            case "plug":
                self.lines[order["device"]].plug()
            case "supply":
                self.shafts.set_supply(float(order["volts"]))
            case "overheat":
                self.chain.servos[int(order["joint"])].temperature_c = float(order["degrees"])
            case "hand":
                joint_rad = {int(joint): float(angle) for joint, angle in order["joint_rad"].items()}
                (self.shafts if self.person is None or order.get("device") != LEADER else self.person).by_hand(
                    joint_rad
                )
            case "camera":
                self.camera.fault(order["vice"], order["on"])
            case "late_camera":
                self.camera.be_late(float(order["seconds"]))
            case "leave":
                self.shafts.held_rad = None

    def state(self) -> bytes:
        return TRUTH.pack(
            self.time_s, *self.peg_m, self.tip_m_s, self.tip_worst_m_s, self.world.done, self.world.moves,
            self.load_worst, self.overloaded_s, self.overloads, self.shafts.bus_v(), *self.world.goal.place_m.tolist(),
        )  # fmt: skip


def make_camera(path: Path, world: str, seed: int, pose: np.ndarray) -> Any:
    """The camera on the hand. OpenCV and the renderer are loaded for an arm that has one."""
    from drivers.emulators.wrist_camera import CAMERAS

    return CAMERAS[world](path, seed, pose)


FAULTS = ("silence", "servo", "unplug", "plug", "supply", "overheat", "hand", "leave", "camera", "late_camera")


class RunningArm(PacketEmulator):
    """The handle on the process."""

    def __init__(self, process: subprocess.Popen, ready: dict[str, Any], directory: Path) -> None:
        super().__init__(process, ready, directory)
        self.ports = {name: str(directory / name) for name in ready["devices"]}

    def fault(self, do: str, **arguments: Any) -> None:
        """See the module. Raises ValueError for anything else."""
        if do not in FAULTS:
            raise ValueError(f"fault: found {do!r}, allowed: {', '.join(FAULTS)}")
        self._judge.send(json.dumps({"do": do, **arguments}).encode())

    def truth(self, patience_s: float = ANSWER_S) -> ArmTruth:  # type: ignore[override]  # what a packet of this model says
        return ArmTruth._make(TRUTH.unpack(self.state(patience_s)))


def start_virtual_arm(
    clock: str, joint_rad: list[float], seed: int = 0, rows: dict[str, float] | None = None,
    offset_m: Sequence[float] = (0.0, 0.0, 0.0), world: str = "peg", camera_m: float = CAMERA_M, wiring: str = "",
    leader: bool = False, turn_rad: Sequence[float] = (0.0, 0.0), camera_seed: int | None = None,
) -> RunningArm:  # fmt: skip
    """Start the process and wait until its devices can be opened. It ends with this program.

    rows: of the simulator, that differ from the arm's file. offset_m, turn_rad, of tilt and yaw: what the camera is always wrong by;
    camera_m: along a board besides, one standard deviation. world: what stands beside it, of `arm_worlds.WORLDS`. wiring: the path of
    a file of `arm_wiring.py`. leader: whether there is one, with a person. camera_seed: of a camera on its hand, none where there is none.
    """
    told = {"lockstep": clock == "lockstep", "joint_rad": joint_rad, "seed": seed, "rows": rows or {},
            "offset_m": list(offset_m), "world": world, "camera_m": camera_m, "wiring": wiring, "leader": leader,
            "turn_rad": list(turn_rad), "camera_seed": camera_seed}  # fmt: skip
    return start_emulator(RunningArm, MODULE, "virtual arm", lambda directory: json.dumps(told).encode(), READY_S)


def main() -> None:
    directory = Path(sys.argv[2]).parent
    told = json.loads(Path(sys.argv[2]).read_text())
    end_when_told(str(directory))
    model = VirtualArm(directory, told["joint_rad"], told["seed"], told["rows"], told["offset_m"], told["world"],
                       told["camera_m"], told["wiring"], told["leader"], told["turn_rad"], told["camera_seed"])  # fmt: skip
    judge, clock = listen(directory / "device", socket.SOCK_SEQPACKET), listen(directory / "lockstep")
    print(json.dumps({"name": "arm", "devices": list(model.lines)}), flush=True)
    serve(model, judge, clock, told["lockstep"])


if __name__ == "__main__":
    main()
