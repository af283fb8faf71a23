"""An arm that is shown how by a leader arm, and taken over by it; the virtual person who moves that one."""

import numpy as np
import pytest

from drivers.emulators.feetech import TORQUE
from drivers.emulators.leader_person import LYING_RAD, RELEASED_RAD, SQUEEZED_RAD
from drivers.servo_bus import ServoReading
from robot.practice.episodic_mind import Reason
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.figures import success
from robot.robots.arm.leader import Leader
from robot.robots.arm.options import ArmOptions
from robot.robots.arm.practice import PRACTICE, PractisingArm
from robot.runtime.robot_file import robot_path
from robot.safety.supervisor import Mode
from tests.robot.robots.arm.arm_bench import ARM, bench, mind_of, setup

LED = {"leader_low_rad": ARM.follower.low_rad, "leader_high_rad": ARM.follower.high_rad}


def reading(joint_rad, age_s=0.0):
    blank = np.zeros(6)
    return ServoReading(np.array(joint_rad), *[blank] * 6, np.full(6, age_s), age_s)


def held_by_nobody(arm):
    """The leader stays where a test puts it."""
    arm.model.person.look = lambda *told: None


def test_a_person_shows_how_and_what_was_shown_is_handed_over_as_demonstrations(tmp_path):
    with bench(tmp_path, setup(demonstrations=1, **LED)) as arm:
        taught = [mind.transition for mind in arm.ticks(13.0) if mind.transition is not None]
        assert arm.mind.to_show == 0 and arm.model.person.helped == 1
        assert [told["succeeded"] for told in arm.told("demonstration")] == [True]
        assert taught[0]["demonstration"] and sum(t["terminated"] and t["demonstration"] for t in taught) == 1
        assert [told["on"] for told in arm.told("by_hand")][:1] == [True]
        assert {told["skill"] for told in arm.told("reset")} == {"raise"}


def test_who_searches_in_vain_is_taken_over_which_is_learned_from_and_says_nothing_of_the_policy(tmp_path):
    with bench(tmp_path, setup(explore=False, **LED)) as arm:
        arm.run(8.0)
        shafts = arm.model.person.shafts
        held_by_nobody(arm)
        assert not arm.mind.by_hand
        shafts.joint_rad[:] = [*arm.mind.posture.joint_rad[:-1], SQUEEZED_RAD]
        handed = [mind.transition for mind in arm.ticks(1.0) if mind.transition is not None]
        assert arm.mind.by_hand and handed[-1]["demonstration"]
        shafts.joint_rad[-1] = RELEASED_RAD
        handed = [mind.transition for mind in arm.ticks(1.0) if mind.transition is not None]
        assert not arm.mind.by_hand and not handed[-1]["demonstration"]
        episodes = [mind.episode for mind in arm.ticks(12.0) if any(kind == "episode" for kind, _ in mind.events)]
        told = arm.told("episode")
        assert told[0]["by_hand"] and episodes[0] is None
        assert success([told[0]]) is None and success([told[0], told[0] | {"by_hand": False}]) is not None
        assert [each["on"] for each in arm.told("by_hand")] == [True, False]


def test_a_follower_goes_to_a_leader_that_is_elsewhere_at_a_walking_pace(tmp_path):
    with bench(tmp_path, setup("reach", **LED)) as arm:
        held_by_nobody(arm)
        shafts = arm.model.person.shafts
        arm.run(5.0)
        shafts.joint_rad[:] = [0.5, 0.0, 0.4, 1.2, 0.05, SQUEEZED_RAD]  # 12 cm away
        speeds = [arm.truth.tip_m_s for _ in arm.ticks(2.5)]
        assert arm.mind.by_hand and max(speeds) < 0.13
        arm.run(6.0)
        assert np.abs(arm.mind.posture.joint_rad[:5] - shafts.joint_rad[:5]).max() < 0.05


@pytest.mark.parametrize("squeezed", [False, True])
def test_a_leader_that_falls_silent_holds_the_arm_until_it_is_heard_again(tmp_path, squeezed):
    with bench(tmp_path, setup("reach", **LED)) as arm:
        held_by_nobody(arm)
        arm.run(5.0)
        if squeezed:
            arm.model.person.shafts.joint_rad[-1] = SQUEEZED_RAD
            arm.run(0.3)
        arm.model.leader_chain.silent = True
        arm.run(0.5)
        assert (arm.mind.outputs["mode"], arm.mind.outputs["reason"]) == (Mode.STOP, Reason.UNLED)
        speeds = [arm.truth.tip_m_s for _ in arm.ticks(1.5)]
        assert max(speeds) < 0.06 and max(speeds[50:]) < 0.02  # it comes to a stand, and stands
        arm.model.leader_chain.silent = False
        arm.run(0.5)
        assert arm.mind.outputs["mode"] == Mode.RUN and arm.mind.by_hand is squeezed


def test_whoever_looks_on_is_told_why_an_arm_stands():
    assert set(PRACTICE.reasons) == set(Reason) - {Reason.NONE}
    assert "leader is silent" in PRACTICE.reasons[Reason.UNLED]


def test_an_arm_goes_home_without_its_leader(tmp_path):
    with bench(tmp_path, setup("reach", **LED)) as arm:
        arm.run(5.0)
        arm.model.lines["leader"].unplug()
        arm.run(0.5)
        arm.run(9.0, 1)
        assert arm.mind.outputs["finished"] and arm.truth.tip_worst_m_s < 0.5


def test_a_leaders_servos_are_let_go_and_told_nothing_else(tmp_path):
    with bench(tmp_path, setup("reach", **LED)) as arm:
        servos = arm.model.leader_chain.servos
        goals = [servo.word(42) for servo in servos]
        for servo in servos:
            servo.table[TORQUE] = 1
        arm.run(0.2)
        assert not any(servo.table[TORQUE] for servo in servos)
        for servo in servos:  # plugged in again
            servo.table[TORQUE] = 1
        arm.run(1.5)
        assert not any(servo.table[TORQUE] for servo in servos)
        arm.run(2.0)
        arm.loop.stop()
        assert [servo.word(42) for servo in servos] == goals


def test_a_joint_of_another_range_means_the_same_share_of_it():
    told = setup(
        **(
            LED
            | {
                "leader_low_rad": (-0.95, *ARM.follower.low_rad[1:]),
                "leader_high_rad": (0.95, *ARM.follower.high_rad[1:]),
            }
        )
    )
    hand = mind_of(told).posture.kinematics.hand
    narrow, same = Leader(told, hand), Leader(setup(**LED), hand)
    narrow.see(reading([0.25, *LYING_RAD[1:]]))
    same.see(reading([0.5, *LYING_RAD[1:]]))
    follower = mind_of(setup()).posture.kinematics
    follower.look(np.array([0.0, 0.2, 0.2, 1.2, 0.0]))
    narrow_m, same_m = (leader.motion(follower, 0.1) for leader in (narrow, same))
    assert narrow_m == pytest.approx(same_m, abs=1e-9)
    assert not narrow.taken
    narrow.see(reading([0.25, *LYING_RAD[1:]], age_s=0.2))
    assert not narrow.heard


def test_what_a_jaw_holds_is_not_dropped_as_a_person_takes_over():
    mind, jaws = mind_of(setup("lift", **LED)), []
    mind.jaw = -1.0
    for trigger in (RELEASED_RAD, 1.4, -0.15, 1.4):
        mind.leader.see(reading([*LYING_RAD[:-1], trigger]))
        if mind.leader.taken:
            jaws.append(float(np.clip(mind.action_of(np.zeros(5)), -1.0, 1.0)[-1]))
    assert jaws == pytest.approx([-1.0, -1.0, 1.0])


def test_a_leader_that_lies_about_with_its_trigger_closed_leads_nobody():
    told = setup(**LED)
    leader = Leader(told, mind_of(told).posture.kinematics.hand)
    taken = []
    for trigger in (SQUEEZED_RAD, RELEASED_RAD, SQUEEZED_RAD):
        leader.see(reading([*LYING_RAD[:-1], trigger]))
        taken.append(leader.taken)
    assert taken == [False, False, True]


def test_a_leader_that_tells_no_number_is_not_heard():
    told = setup(**LED)
    leader = Leader(told, mind_of(told).posture.kinematics.hand)
    leader.see(reading(LYING_RAD))
    leader.see(reading([*LYING_RAD[:-1], SQUEEZED_RAD]))
    assert leader.heard and leader.taken
    leader.see(reading([np.nan, *LYING_RAD[1:-1], SQUEEZED_RAD]))
    assert not leader.heard and not leader.taken


def test_the_trigger_is_the_jaw_where_the_task_has_one():
    mind = mind_of(setup("lift", **LED))
    jaws = []
    mind.leader.see(reading(LYING_RAD))
    for trigger in (1.4, 0.2, -0.15):
        mind.leader.see(reading([*LYING_RAD[:-1], trigger]))
        assert mind.leader.taken
        jaws.append(float(np.clip(mind.action_of(np.zeros(5)), -1.0, 1.0)[-1]))
    assert jaws[0] == 1.0 and jaws[2] == -1.0 and jaws[0] > jaws[1] > jaws[2]


def test_a_file_may_tell_of_a_leader_with_a_port_of_its_own(tmp_path):
    assert load_arm("virtual-arm-leader").leader is not None and ARM.leader is None
    with pytest.raises(
        ValueError, match="--robot: found 'virtual-arm-leader' with --task lift, allowed: with peg_insert"
    ):
        PractisingArm(ArmOptions(task="lift", robot="virtual-arm-leader"))
    told = robot_path("virtual-arm-leader").read_text().replace("virtual = true", "virtual = false")
    (tmp_path / "mine.toml").write_text(told)
    with pytest.raises(ValueError, match=r"devices\.leader: port: found 'virtual', the follower's"):
        load_arm(str(tmp_path / "mine.toml"))
    (tmp_path / "mine.toml").write_text(told.replace("ids = [1, 2, 3, 4, 5, 6]", "ids = [1, 2, 3]", 2))
    with pytest.raises(ValueError, match=r"devices\.follower: (ids|home_steps)"):
        load_arm(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("told", "other"), [('"feetech"', '"dynamixel"'), ("[1, 2, 3, 4, 5, 6]", "[11, 2, 3, 4, 5, 6]")]
)
def test_a_leader_that_is_not_emulated_is_refused_and_not_waited_for(told, other, tmp_path):
    before, leader = robot_path("virtual-arm-leader").read_text().split("[devices.leader]")
    (tmp_path / "mine.toml").write_text(f"{before}[devices.leader]{leader.replace(told, other, 1)}")
    with pytest.raises(
        ValueError, match=r"mine\.toml.*devices\.leader: found .*allowed of a virtual arm: the driver feetech"
    ):
        load_arm(str(tmp_path / "mine.toml"))
