"""What an arm with a camera is asked for, and what a session of it begins with."""

from pathlib import Path
from shutil import copy

import pytest

pytest.importorskip("cv2")

from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.lens import write_lens
from robot.practice.settings import SCRATCH
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.eyes.encoder_file import FORMS, SHIPPED_SEEING_POLICY, check_same_encoder, encoder_beside
from robot.robots.arm.eyes.practising import SeeingPractisingArm
from robot.robots.arm.options import ArmOptions
from robot.robots.arm.practice import PRACTICE, SHIPPED
from robot.robots.arm.trainer import ArmTrainConfig
from robot.runtime.robot_file import robot_path
from sim.camera.wrist_looks import nominal_wrist_lens

ROBOT = "virtual-camera-arm"


def test_an_arm_with_a_camera_inserts_by_it() -> None:
    options = ArmOptions(robot=ROBOT)
    assert options.task == "peg_insert_by_camera"
    assert isinstance(PRACTICE.begin(options), SeeingPractisingArm)
    assert ArmTrainConfig(task="peg_insert", eyes=True).task == "peg_insert_by_camera"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"robot": ROBOT, "task": "push"},
            "--task: found push with --robot virtual-camera-arm, which has a camera, allowed: peg_insert, lift",
        ),
        ({"task": "lift_by_camera"}, "--task: found lift_by_camera with --robot virtual-arm, which has no camera"),
        (
            {"task": "peg_insert_by_camera"},
            "--task: found peg_insert_by_camera with --robot virtual-arm, which has no camera",
        ),
        ({"frames": "lossless"}, "--frames: found 'lossless', allowed of virtual-arm"),
        ({"robot": ROBOT, "resets": "learned"}, "--resets: found 'learned'"),
    ],
)
def test_what_cannot_be_asked_for(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ArmOptions(**options)


def test_an_arm_with_a_camera_lifts_by_it_and_learns_that_from_scratch_with_the_encoder_that_ships() -> None:
    options = ArmOptions(robot=ROBOT, task="lift")
    assert (options.task, options.start_from, options.shown) == ("lift_by_camera", SCRATCH, 60)
    begun = PRACTICE.begin(options)
    assert isinstance(begun, SeeingPractisingArm)
    assert begun.encoder == (SHIPPED / "lift_by_camera" / ENCODER_FILE).read_bytes()
    assert ArmTrainConfig(task="lift", eyes=True).task == "lift_by_camera"


def test_an_encoder_of_holes_is_none_of_blocks(tmp_path: Path) -> None:
    copy(SHIPPED_SEEING_POLICY.with_name(ENCODER_FILE), tmp_path / ENCODER_FILE)
    with pytest.raises(ValueError, match=r"found height, width, channels, embedding .* 28"):
        FORMS["lift_by_camera"].beside(tmp_path / "policy.npz")


def test_nothing_but_insertion_and_lifting_is_taught_to_see() -> None:
    with pytest.raises(ValueError, match="--eyes: found with --task reach, allowed: with peg_insert, lift"):
        ArmTrainConfig(task="reach", eyes=True)
    with pytest.raises(ValueError, match="--success-from: found with --task lift_by_camera, allowed: with peg_insert"):
        ArmTrainConfig(task="lift", eyes=True, success_from="simulated")


def test_a_lens_belongs_to_a_camera(tmp_path: Path) -> None:
    told = (Path(load_arm.__code__.co_filename).parent / "virtual-arm.toml").read_text()
    (tmp_path / "arm.toml").write_text(f'lens = "lens.toml"\n{told}')
    with pytest.raises(ValueError, match=r"lens: found 'lens\.toml'"):
        load_arm(str(tmp_path / "arm.toml"))


def test_a_lens_that_is_not_there_is_missed_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "arm.toml").write_text(f'lens = "lens.toml"\n{robot_path(ROBOT).read_text()}')
    with pytest.raises((ValueError, OSError), match=r"lens\.toml"):
        PRACTICE.begin(ArmOptions(robot=str(tmp_path / "arm.toml")))
    write_lens(tmp_path / "lens.toml", nominal_wrist_lens(64, 48))
    begun = PRACTICE.begin(ArmOptions(robot=str(tmp_path / "arm.toml")))
    assert isinstance(begun, SeeingPractisingArm) and begun.lens == str(tmp_path / "lens.toml")


def test_no_classifier_judges_what_another_encoder_tells(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(encoder_beside(SHIPPED_SEEING_POLICY))
    model.doc_string = "another one"
    (tmp_path / ENCODER_FILE).write_bytes(model.SerializeToString())
    SeeingPractisingArm(ArmOptions(robot=ROBOT), tmp_path / "policy.npz")
    SeeingPractisingArm(ArmOptions(robot=ROBOT, success="classifier"), SHIPPED_SEEING_POLICY)
    with pytest.raises(
        ValueError, match=r"success\.npz: encoder: found that of CRC-32 .*, as of the policy's encoder\.onnx"
    ):
        SeeingPractisingArm(ArmOptions(robot=ROBOT, success="classifier"), tmp_path / "policy.npz")


def test_a_policy_without_its_encoder_or_with_another_one_than_before_is_refused(tmp_path: Path) -> None:
    copy(SHIPPED_SEEING_POLICY, tmp_path / "policy.npz")
    with pytest.raises(ValueError, match=f"{ENCODER_FILE}: found none, allowed: the encoder"):
        encoder_beside(tmp_path / "policy.npz")
    data = encoder_beside(SHIPPED_SEEING_POLICY)
    (tmp_path / ENCODER_FILE).write_bytes(data)
    check_same_encoder(SHIPPED_SEEING_POLICY, tmp_path)
    (tmp_path / ENCODER_FILE).write_bytes(data + b"\0")
    with pytest.raises(ValueError, match="found another encoder than"):
        check_same_encoder(SHIPPED_SEEING_POLICY, tmp_path)
