"""What is broken on an arm: each fault, in one process, with its reason, and that it goes on afterwards."""

import json
from types import SimpleNamespace

import pytest

from robot.robots.arm.safety_trials import TRIALS, see
from robot.safety.campaign.trials import find_trials
from robot.safety.supervisor import Mode
from tests.robot.robots.arm.arm_bench import bench


def session_of(model):
    """As far as a fault looks at one."""

    def fault(do, **arguments):
        model.obey(json.dumps({"do": do, **arguments}).encode())

    return SimpleNamespace(body=SimpleNamespace(emulator=SimpleNamespace(fault=fault)))


@pytest.mark.parametrize("fault", TRIALS.faults, ids=lambda fault: fault.name)
def test_it_does_as_designed_and_goes_on(tmp_path, fault):
    with bench(tmp_path) as arm:
        arm.run(7.0)
        session = session_of(arm.model)
        fault.begin(session)
        modes = {(int(mind.outputs["mode"]), int(mind.outputs["reason"])) for mind in arm.ticks(1.0)}
        if fault.mode is Mode.RUN:
            assert modes == {(Mode.RUN, 0)}
        else:
            assert (fault.mode, fault.reasons[0]) in modes
            assert arm.truth.tip_m_s < 0.02
        assert fault.end is not None
        fault.end(session)
        arm.run(3.0)
        assert arm.mind.outputs["mode"] == Mode.RUN
        assert arm.truth.tip_worst_m_s < 0.6


def test_the_truth_to_a_judge(tmp_path):
    assert find_trials("arm") is TRIALS
    with bench(tmp_path) as arm:
        assert see(arm.truth).speed_m_s < 0.02 and not see(arm.truth).driven
        arm.run(2.0)
        assert see(arm.truth).driven
