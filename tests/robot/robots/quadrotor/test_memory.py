"""A policy with memory in a flight: what the witness says of it, the host's, its setup in a log, and how it is chosen."""

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from drivers.crazyflie_reading import CrazyflieReading
from firmware_export.arithmetic import KERNELS, Kernel, step
from firmware_export.network import Network, network_of
from policies.policy_file import PolicyFile, load_policy, save_policy, weights_crc
from policies.recurrent_actor import RecurrentLayers, initial_weights
from robot.cli import run as verb
from robot.robots.quadrotor.app_of_run import ANY, learned_with, trained_for
from robot.robots.quadrotor.host_policy import HostPolicy
from robot.robots.quadrotor.setup import FlightOptions, FlightSetup
from robot.robots.quadrotor.witness import KIND, PART_BYTES, Witness
from robot.tasks import hover
from sim.quadrotor.model import load_parameters

LAYERS = RecurrentLayers(22, 16, 16, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    weights = initial_weights(LAYERS, rng) + 0.3 * rng.standard_normal(2100).astype(np.float32)
    save_policy(tmp_path / "any.npz", weights, LAYERS, "hover", 100.0, trained={"fleet": "any"})
    return tmp_path / "any.npz"


@pytest.fixture
def policy(path: Path) -> PolicyFile:
    return load_policy(path, kinds=("recurrent",))


@pytest.fixture
def network(policy: PolicyFile) -> Network:
    return network_of(policy, hover.OBSERVATION_FIELDS, hover.ACTION_FIELDS)


def packets_of(
    network: Network,
    flown: int = 49,
    memory: np.ndarray | None = None,
    flipped: int | None = None,
    kernel: Kernel = "fma",
) -> list[bytes]:
    """What an app tells of a decision; flipped: a byte of it whose lowest bit is another."""
    rng = np.random.default_rng(flown)
    x = rng.uniform(-1.0, 1.0, (1, 22)).astype("<f4")
    before = rng.uniform(-1.0, 1.0, (1, 16)).astype("<f4") if memory is None else memory[None].astype("<f4")
    done, after = step(network, kernel, x, before)
    whole = bytearray(struct.pack("<II", 150, flown) + b"".join(each.tobytes() for each in (before, after, x, done)))
    if flipped is not None:
        whole[flipped] ^= 1
    parts = [bytes(whole[k : k + PART_BYTES]).ljust(PART_BYTES, b"\0") for k in range(0, len(whole), PART_BYTES)]
    return [bytes([KIND, number]) + part for number, part in enumerate(parts)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_decision_is_its_weights_own_and_its_memory_s(network: Network, kernel: Kernel) -> None:
    packets = packets_of(network, kernel=kernel)
    assert len(packets) == 9
    told = list(Witness(network).take(packets))
    assert [(each.decision, each.is_right, each.seen.shape, each.done.shape) for each in told] == [
        (150, True, (18,), (4,))
    ]


@pytest.mark.parametrize(
    "place", [8, 8 + 63, 8 + 64, 8 + 127, 8 + 128, 8 + 215, 8 + 216], ids=str
)  # before, after, seen, done
def test_one_flipped_bit_of_what_was_remembered_seen_or_done_is_seen(network: Network, place: int) -> None:
    assert not next(Witness(network).take(packets_of(network, flipped=place + (2 if place % 4 == 0 else 0)))).is_right


def test_a_flight_that_does_not_begin_with_an_empty_memory_is_seen(network: Network) -> None:
    empty, full = np.zeros(16), np.full(16, 0.5)
    assert next(Witness(network).take(packets_of(network, 0, empty))).is_right
    assert not next(Witness(network).take(packets_of(network, 0, full))).is_right
    assert next(Witness(network).take(packets_of(network, 1, full))).is_right


class Still:
    """A drone at rest, as the host's policy asks it."""

    def read(self) -> CrazyflieReading:
        return CrazyflieReading(
            (0.1, 0.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0), board_time_s=1.0,
            position_age_s=0.01, attitude_age_s=0.01, rate_age_s=0.01,
        )  # fmt: skip

    def write_rates(self, rate_rad_s: object, thrust: object) -> None:
        pass


def test_the_host_s_remembers_while_it_flies_and_forgets_at_the_hand_over(policy: PolicyFile) -> None:
    pilot, drone = HostPolicy(policy, load_parameters()), Still()
    flights = []
    for _ in range(2):
        pilot.take_over(drone)  # type: ignore[arg-type]
        flights.append([])
        for _ in range(20):
            pilot.send(drone, drone.read(), (0.0, 0.0, 1.0))  # type: ignore[arg-type]
            flights[-1].append(pilot.action.tobytes())
    assert flights[0] == flights[1]
    assert len(set(flights[0])) == 20, "nothing changes but what it remembers, and its model of the rotors"


def test_a_setup_is_read_as_it_was_written_and_refused_by_field(policy: PolicyFile) -> None:
    setup = FlightSetup(policy, load_parameters(), FlightOptions("board", 2.0, 1.5), np.zeros((1, 3)))
    data = setup.to_bytes()
    again = FlightSetup.from_bytes(data)
    assert again.to_bytes() == data and isinstance(again.policy.layers, RecurrentLayers)

    def changed(kind: object, layers: tuple[int, ...] = LAYERS, weight: float = 0.0) -> bytes:
        arrays = dict(np.load(io.BytesIO(data)))
        plain = json.loads(str(arrays["plain"]))
        plain["metadata"]["kind"] = kind
        arrays["weights"][7] += np.float32(weight)
        file = io.BytesIO()
        np.savez(file, **(arrays | {"plain": np.array(json.dumps(plain)), "layers": np.array(layers)}))
        return file.getvalue()

    for arguments, words in (
        (("transformer",), "kind: found 'transformer', allowed: feed_forward, recurrent"),
        (("feed_forward",), "action: found 4, allowed: 2|weights have shape"),
        (("recurrent", (22, 16, 16)), "recurrent_layers: found"),
        (("recurrent", (22, 16, 15, 4)), "weights have shape"),
        (("recurrent", LAYERS, 0.5), "crc32: found"),
    ):
        with pytest.raises(ValueError, match=words):
            FlightSetup.from_bytes(changed(*arguments))
    assert weights_crc(policy.weights) == policy.metadata["crc32"]


def test_a_policy_for_any_quadrotor_has_learned_with_the_one_that_it_flies(path: Path) -> None:
    assert trained_for(path) == ANY
    assert learned_with(path) == "crazyflie_2_1"
    assert learned_with(path, "x500") == "x500"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "RUN, --policy: found neither, allowed: one"),
        (["runs/a", "--policy", "any"], "RUN, --policy: found RUN runs/a and --policy any,"),
        (["--policy", "every"], "every: no such policy file"),
        (["--policy", "any", "--robot", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_flies_is_named_once(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((ValueError, SystemExit)) as found:
        verb.main(arguments)
    assert words in capsys.readouterr().err + str(found.value)
