"""Decisions that a policy on board tells whole: put together from their parts, and held against its weights, bit by bit."""

import struct
from pathlib import Path

import numpy as np
import pytest

from firmware_export.arithmetic import KERNELS, Kernel, infer
from firmware_export.network import Network, network_of
from policies.policy_file import PolicyFile, load_policy
from robot.robots.quadrotor.witness import HEAD_BYTES, KIND, PART_BYTES, Witness
from robot.tasks import find_task

POLICY = load_policy(Path(__file__).parents[3] / "recordings" / "policies" / "hover.npz")


def network(policy: PolicyFile = POLICY) -> Network:
    spec = find_task("hover")
    return network_of(policy, spec.observation, spec.action)


def packets_of(policy: PolicyFile, decision: int, flipped: int = 0, kernel: Kernel = "fma") -> list[bytes]:
    """What an app tells of a decision. flipped: mask on the last bits of what was done."""
    net = network(policy)
    x = np.random.default_rng(decision).uniform(-1.0, 1.0, (1, net.inputs)).astype("<f4")
    done = infer(net, kernel, x)[0].astype("<f4")
    done.view(np.uint32)[-1] ^= flipped
    whole = struct.pack("<I", decision) + x.tobytes() + done.tobytes()
    parts = [whole[k : k + PART_BYTES].ljust(PART_BYTES, b"\0") for k in range(0, len(whole), PART_BYTES)]
    return [bytes([KIND, number]) + part for number, part in enumerate(parts)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_decision_that_comes_in_parts_is_the_weights_own_whatever_the_app_was_compiled_with(kernel: Kernel) -> None:
    witness, told = Witness(network()), []
    for packet in packets_of(POLICY, 150, kernel=kernel):
        told += witness.take([packet])
    assert [(each.decision, each.is_right) for each in told] == [(150, True)]
    assert told[0].seen.shape == (18,) and told[0].done.shape == (4,)


@pytest.mark.parametrize("bit", [0, 13, 30])
def test_one_flipped_bit_of_what_was_done_is_seen(bit: int) -> None:
    told = list(Witness(network()).take(packets_of(POLICY, 50, 1 << bit)))
    assert [each.is_right for each in told] == [False]


def test_one_flipped_bit_of_what_was_seen_is_seen() -> None:
    packets = packets_of(POLICY, 50)
    packets[3] = packets[3][:9] + bytes([packets[3][9] ^ 64]) + packets[3][10:]
    assert not next(Witness(network()).take(packets)).is_right


def test_a_changed_weight_is_seen() -> None:
    weights = POLICY.weights.copy()
    weights[POLICY.layers[0] * POLICY.layers[1] + 3] += np.float32(1e-3)
    other = network(PolicyFile(weights, POLICY.layers, POLICY.metadata))
    assert not next(Witness(other).take(packets_of(POLICY, 50))).is_right


def test_one_that_is_not_whole_is_passed_over_and_the_next_is_checked() -> None:
    first, second = packets_of(POLICY, 50), packets_of(POLICY, 100)
    for lost in range(len(first)):
        heard = [*first[:lost], *first[lost + 1 :], *second]
        assert [each.decision for each in Witness(network()).take(heard)] == [100], lost
    assert list(Witness(network()).take(first[::-1])) == []


def test_what_others_say_on_the_channel_is_not_listened_to() -> None:
    packets = packets_of(POLICY, 50)
    noise = [
        b"",
        b"\x57",
        bytes(HEAD_BYTES + PART_BYTES),
        b"\x57\x00" + bytes(40),
        bytes([KIND, 250]) + bytes(PART_BYTES),
    ]
    assert list(Witness(network()).take(noise)) == []
    assert next(Witness(network()).take([*packets[:5], *noise[:4], *packets[5:]])).is_right
