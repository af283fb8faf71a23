"""Steps: done or not done, whatever happens in between."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from robot.commissioning.steps import STEPS_FILE, Found, SetupError, Step, carry_out, read_found


class Witness:
    """A person who remembers all that happened."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def begin(self, step: Step) -> None:
        self.seen.append(f"begin {step.name}")

    def do(self, request: str) -> None:
        self.seen.append(request)

    def tell(self, share: float, text: str) -> None:
        self.seen.append(text)

    def done(self, step: Step, found: Found, earlier: bool) -> None:
        self.seen.append(f"{'earlier' if earlier else 'done'} {step.name}")


def step(name: str, request: str = "", fails: list[BaseException] | None = None) -> Step:
    def find(found: dict[str, Found], tell: Callable[[float, str], None]) -> Found:
        tell(0.5, f"doing {name}")
        if fails:
            raise fails.pop()
        return {"before": list(found)}

    return Step(name, f"about {name}", request, find)


def test_each_step_asks_finds_out_and_is_kept(tmp_path: Path) -> None:
    witness = Witness()
    found = carry_out([step("one", "lift it"), step("two")], tmp_path, witness)
    assert found == {"one": {"before": []}, "two": {"before": ["one"]}}
    assert witness.seen == ["begin one", "lift it", "doing one", "done one", "begin two", "doing two", "done two"]
    assert read_found(tmp_path, [step("one"), step("two")]) == found


@pytest.mark.parametrize("error", [SetupError("no room"), KeyboardInterrupt(), OSError(28, "disk full")])
def test_it_is_taken_up_again_at_the_step_that_was_left(tmp_path: Path, error: BaseException) -> None:
    steps = [step("one"), step("two", fails=[error])]
    with pytest.raises(type(error)):
        carry_out(steps, tmp_path, Witness())
    witness = Witness()
    carry_out(steps, tmp_path, witness)
    assert witness.seen == ["earlier one", "begin two", "doing two", "done two"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "setup.json"),
        (json.dumps({"format": 9, "found": {}}), "format: found 9, allowed: 1"),
        (json.dumps({"format": 1, "found": {"two": {}}}), "found: found two, allowed: the first ones of one, two"),
        (json.dumps({"format": 1, "found": [1]}), "found: "),
        (json.dumps({"format": 1, "found": {"one": 3}}), "found: "),
    ],
)
def test_a_file_that_no_set_up_wrote_is_refused_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / STEPS_FILE).write_text(text)
    with pytest.raises(ValueError, match=words):
        carry_out([step("one"), step("two")], tmp_path, Witness())


def test_no_flipped_bit_of_what_was_measured_is_believed(tmp_path: Path) -> None:
    steps = [Step("one", "about one", "", lambda found, tell: {"gain": 4614.25})]
    carry_out(steps, tmp_path, Witness())
    path = tmp_path / STEPS_FILE
    whole = path.read_bytes()
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 1 << k % 8]) + whole[k + 1 :])
        with pytest.raises(ValueError, match=STEPS_FILE):
            read_found(tmp_path, steps)
