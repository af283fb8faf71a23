"""Robot descriptions: against Pinocchio's own reader, and what is refused, by element."""

import numpy as np
import pytest

from sim.arm.expressions import Graph
from sim.arm.parameters import arm_of, read_arm, toml_text
from sim.arm.rigid_body import inertia_and_bias
from sim.arm.urdf import read_urdf

INERTIA = '<inertia ixx="0.001" iyy="0.002" izz="0.0015" ixy="0.0001" ixz="-0.00005" iyz="0.00002"/>'
ARM = f"""<?xml version="1.0"?>
<robot name="two">
  <link name="base"/>
  <link name="one"><inertial><origin xyz="0.1 0 0.02" rpy="0.3 -0.2 0.5"/><mass value="0.5"/>{INERTIA}</inertial></link>
  <link name="plate"><inertial><mass value="0.2"/>{INERTIA}</inertial></link>
  <link name="two"><inertial><origin xyz="0 0.05 0"/><mass value="0.1"/>{INERTIA}</inertial></link>
  <link name="tip"/>
  <joint name="a" type="revolute"><parent link="base"/><child link="one"/><origin xyz="0 0 0.1" rpy="0.1 0.2 0.3"/>
    <axis xyz="0 1 1"/><limit lower="-1" upper="2" effort="3" velocity="1"/></joint>
  <joint name="f" type="fixed"><parent link="one"/><child link="plate"/><origin xyz="0.2 0 0" rpy="0 1 0"/></joint>
  <joint name="b" type="continuous"><parent link="plate"/><child link="two"/><origin xyz="0 0 0.03" rpy="0 0 -2"/></joint>
  <joint name="g" type="fixed"><parent link="two"/><child link="tip"/></joint>
</robot>
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "arm.urdf"
        path.write_text(text)
        return path

    return write


def test_inertia_and_bias_are_those_of_pinocchio_s_reader(written):
    pinocchio = pytest.importorskip("pinocchio")
    arm = arm_of(read_urdf(written(ARM)))
    model = pinocchio.buildModelFromXML(ARM.replace('"continuous"', '"revolute"').replace(
        'rpy="0 0 -2"/>', 'rpy="0 0 -2"/><limit lower="-9" upper="9" effort="1" velocity="1"/>'))  # fmt: skip
    data, rng, graph = model.createData(), np.random.default_rng(0), Graph()
    M, bias = inertia_and_bias(arm.links, graph.inputs("q", 2), graph.inputs("v", 2))
    for _ in range(20):
        q, v = rng.uniform(-2.0, 2.0, 2), rng.uniform(-5.0, 5.0, 2)
        told = [float(x) for x in graph.evaluate([M[0][0], M[1][0], M[1][1], *bias], {"q": q, "v": v})]
        pinocchio.crba(model, data, q)
        theirs = pinocchio.rnea(model, data, q, v, np.zeros(2))
        assert told == pytest.approx([data.M[0, 0], data.M[0, 1], data.M[1, 1], *theirs], abs=1e-10)


def test_a_file_that_was_written_is_read_again(written, tmp_path):
    file = read_urdf(written(ARM))
    path = tmp_path / "arm.toml"
    path.write_text(toml_text(file))
    assert read_arm(path).file == file
    assert [link.range_rad[0] for link in file.links] == pytest.approx([-1.0, -200 * np.pi])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("<robot", "<robots", "not XML"),
        ('<robot name="two">', '<robot name="two" xmlns:xacro="x"><xacro:arm/>', "run xacro first"),
        ('type="revolute"', 'type="prismatic"', "joint a: type: found prismatic"),
        ('type="revolute"', "", "joint a: type: found nothing"),
        ('lower="-1"', 'lower="3"', "joint a: limit: found 3 to 2"),
        ('upper="2"', 'upper="nan"', "joint a: limit: upper: found 'nan'"),
        ('<limit lower="-1" upper="2" effort="3" velocity="1"/>', "", "joint a: limit: found nothing"),
        ('<axis xyz="0 1 1"/>', '<axis xyz="0 0 0"/>', "joint a: axis: xyz: found no length"),
        ('<axis xyz="0 1 1"/>', '<axis xyz="0 1"/>', "joint a: axis: xyz: found '0 1', allowed: 3 finite numbers"),
        ('<mass value="0.5"/>', "", "link one: inertial: found no mass"),
        ('<mass value="0.5"/>', '<mass value="-1"/>', "link one: inertial: mass: value: found -1"),
        ('<mass value="0.1"/>', '<mass value="0"/>', "link two: inertial: found no mass"),
        ('iyy="0.002"', 'iyy="two"', "link one: inertial: inertia: iyy: found 'two'"),
        ('iyy="0.002"', 'iyy="0.2"', "links.one.inertia_kg_m2: found principal moments"),
        ('<child link="one"/>', '<child link="none"/>', "joint a: child: found 'none'"),
        ('<parent link="plate"/>', '<parent link="base"/>', "link base: found several joints that lead on: "),
        ('<link name="tip"/>', '<link name="tip"/><link name="alone"/>', "links that no joint leads to: base, alone"),
        ('<link name="tip"/>', '<link name="tip"/><link name="tip"/>', "link tip: found two of that name"),
        ('name="g"', 'name="a"', "joint a: found two of that name"),
        ('<child link="tip"/>', '<child link="one"/>', "link one: found 2 joints that it is the child of"),
        ('<child link="tip"/>', '<child link="tip"/><mimic joint="a"/>', "joint g: mimic"),
    ],
)
def test_what_is_no_serial_arm_is_refused_by_file_and_element(written, old, new, told):
    assert old in ARM
    path = written(ARM.replace(old, new))
    with pytest.raises(ValueError) as error:
        read_urdf(path)
    assert str(error.value).startswith(f"{path}: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_the_verb_writes_a_new_file_and_keeps_one_that_is_there(written, tmp_path, capsys):
    from robot.cli.import_urdf import main

    output = tmp_path / "new.toml"
    path = written(ARM)
    assert main([str(path), "--output", str(output), "--json"]) == 0
    assert '"links": ["one", "two"]' in capsys.readouterr().out
    before = output.read_text()
    with pytest.raises(ValueError, match="found a file that is there already"):
        main([str(path), "--output", str(output)])
    assert output.read_text() == before
