"""Another policy by radio: it flies when all of it has arrived and come out right on board, and never before."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.emulators.crazyflie_app import CHANNEL_ROOM, Control, CrazyflieApp, SensorData, Setpoint, State
from firmware_export.agreed import policy_id
from firmware_export.crazyflie_app import build_for_host, write_app
from firmware_export.network import Network, random_network
from robot.robots.quadrotor.over_the_air import (
    ASK,
    BEGIN,
    CHOOSE,
    PIECE,
    PIECE_BYTES,
    TOLD,
    NotTaken,
    OverTheAir,
    image_of,
)
from robot.robots.quadrotor.over_the_air import State as Upload
from robot.tasks import find_task

SPEC = find_task("hover")


def small(seed: int) -> Network:
    """A policy that a Crazyflie's app takes, of few weights."""
    plain = random_network((18 + 4 * 2, 8, 4), history=2, seed=seed)
    return replace(plain, observation=SPEC.observation, action=SPEC.action, task="hover")


OLD, NEW = small(1), small(2)
IMAGE = image_of(NEW)


@pytest.fixture(scope="module")
def shared_object(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    write_app(folder, OLD, "crazyflie_2_1", "int8")
    return build_for_host(folder)


class Board:
    """The app, and the ground's end of its channel, of which any packet may be lost."""

    def __init__(self, shared_object: Path, loss: float = 0.0, seed: int = 0) -> None:
        def fall_back(control: Control, *_: object) -> None:
            control.controlMode = 0

        self.app = CrazyflieApp(shared_object, fall_back)
        self.app.init()
        self.rng, self.loss, self.time_s, self.ms = np.random.default_rng(seed), loss, 0.0, 0
        self.setpoint, self.sensors, self.state = Setpoint(), SensorData(), State()
        self.state.attitudeQuaternion.w = 1.0
        self.setpoint.mode.x = self.setpoint.mode.y = self.setpoint.mode.z = 1
        self.step(False)  # the controller is chosen anew: it has to be armed anew

    # As its driver

    def send_app_packet(self, data: bytes) -> None:
        if self.rng.random() >= self.loss:
            self.app.take(data)

    def app_packets(self, most: int) -> list[bytes]:
        sent, self.app.sent[:] = self.app.sent[:most], []
        return [data for data in sent if self.rng.random() >= self.loss]

    def ask_parameter(self, name: str) -> None:
        """It is always known."""

    def parameter(self, name: str) -> float:
        return self.app.parameters[name].value

    # As the clock

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None:
        self.time_s = time_s
        self.app.run_task()

    def step(self, armed: bool) -> bool:
        """A millisecond of the control loop: whether the policy flies."""
        self.app.parameters["policy.arm"].value = armed
        self.ms += 1
        self.setpoint.timestamp = self.ms
        self.app.step(self.setpoint, self.sensors, self.state, self.ms)
        return bool(self.app.logs["policy.active"].value)

    def ask(self, packet: bytes) -> tuple[int, Upload, int]:
        """Transfer, state, version."""
        self.app.take(packet)
        self.app.run_task()
        _, transfer, state, version, *_ = TOLD.unpack(self.app.sent.pop())
        return transfer, Upload(state), version

    def put(self, data: bytes, crc: int, version: int = 1) -> tuple[int, Upload, int]:
        """An upload of whatever bytes, said to have a CRC."""
        transfer = (self.ask(bytes((ASK, 0)))[0] + 1) % 256
        assert self.ask(struct.pack("<BBI", BEGIN, transfer, len(data)))[1] == Upload.RUNS
        for piece in range(-(-len(data) // PIECE_BYTES)):
            part = data[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES]
            self.app.take(struct.pack("<BBH", PIECE, transfer, piece) + part)
            self.app.run_task()
        return self.ask(self.choose(transfer, crc, version))

    def choose(self, transfer: int, crc: int, version: int = 1) -> bytes:
        order = struct.pack("<BBIII", CHOOSE, transfer, crc, policy_id(NEW.sha256), version)
        return order + struct.pack("<I", zlib.crc32(order))


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.3])
def test_a_policy_arrives_whatever_is_lost_and_the_drone_says_which_one_it_has(shared_object, loss):
    board = Board(shared_object, loss)
    sent = OverTheAir(board, board).put(NEW, 7)
    assert board.app.logs["policy.version"].value == 7
    assert board.app.parameters["policy.id"].value == policy_id(NEW.sha256)
    assert sent.packets >= -(-len(IMAGE) // PIECE_BYTES)
    assert board.step(True)


def test_the_next_one_takes_the_other_bank_and_the_flash_is_never_written_to(shared_object):
    board = Board(shared_object)
    for version, network in enumerate((NEW, OLD, small(3), NEW), 1):
        OverTheAir(board, board).put(network, version)
        assert board.app.parameters["policy.id"].value == policy_id(network.sha256)
    assert Board(shared_object).app.logs["policy.version"].value == 0


def test_what_was_damaged_on_the_way_is_never_chosen_and_the_old_one_flies_on(shared_object):
    board, rng, crc = Board(shared_object), np.random.default_rng(5), zlib.crc32(IMAGE)
    for _ in range(1000):
        data = bytearray(IMAGE)
        for place in rng.integers(0, 8 * len(data), rng.integers(1, 4)):
            data[place // 8] ^= 1 << place % 8
        if bytes(data) != IMAGE:
            assert board.put(bytes(data), crc)[1] == Upload.SPOILT
    assert board.app.logs["policy.version"].value == 0
    assert board.app.parameters["policy.id"].value == policy_id(OLD.sha256)
    assert board.step(True)


def test_a_policy_whose_golden_vectors_do_not_come_out_is_not_chosen_though_its_checksum_is_right(shared_object):
    data = bytearray(IMAGE)
    data[-1] ^= 0x40  # of what the last golden vector has to give
    assert Board(shared_object).put(bytes(data), zlib.crc32(data))[1] == Upload.SPOILT


def test_an_order_that_was_damaged_is_none(shared_object):
    board = Board(shared_object)
    board.put(IMAGE, 0)
    transfer = (board.ask(bytes((ASK, 0)))[0] + 1) % 256
    board.ask(struct.pack("<BBI", BEGIN, transfer, len(IMAGE)))
    for piece in range(-(-len(IMAGE) // PIECE_BYTES)):
        board.app.take(struct.pack("<BBH", PIECE, transfer, piece) + IMAGE[piece * PIECE_BYTES :][:PIECE_BYTES])
        board.app.run_task()
    order = board.choose(transfer, zlib.crc32(IMAGE))
    for place in range(16, 8 * len(order)):
        damaged = bytearray(order)
        damaged[place // 8] ^= 1 << place % 8
        assert board.ask(bytes(damaged))[1] == Upload.WHOLE
    assert board.ask(order)[1] == Upload.CHOSEN


def test_while_a_policy_flies_it_is_not_exchanged_but_another_one_may_arrive(shared_object):
    board = Board(shared_object)
    assert board.step(True)
    transfer, state, version = board.put(IMAGE, zlib.crc32(IMAGE))
    assert (state, version) == (Upload.WAITS, 0)
    assert board.step(True)
    board.step(False)
    assert board.ask(board.choose(transfer, zlib.crc32(IMAGE)))[1:] == (Upload.CHOSEN, 1)


def test_an_app_without_room_says_so(tmp_path):
    write_app(tmp_path, OLD, "crazyflie_2_1", "fma")
    board = Board(build_for_host(tmp_path))
    with pytest.raises(NotTaken, match="takes no weights of this shape"):
        OverTheAir(board, board).put(NEW, 1)


def test_a_policy_of_another_shape_is_refused(shared_object):
    board = Board(shared_object)
    with pytest.raises(NotTaken, match="takes no weights of this shape"):
        OverTheAir(board, board).put(NEW, 1, IMAGE + bytes(4))


def test_what_comes_while_the_queue_is_full_is_lost(shared_object):
    board = Board(shared_object)
    for _ in range(CHANNEL_ROOM + 5):
        board.app.take(bytes((ASK, 0)))
    board.app.run_task()
    assert len(board.app.sent) == CHANNEL_ROOM
