"""A set-up of a robot that nobody knows, from its options to its figures."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from robot.commissioning import run as running
from robot.commissioning.commissioning import Commissioning
from robot.commissioning.options import SetupOptions
from robot.commissioning.run import set_up
from robot.commissioning.steps import Found, SetupError, Step


@dataclass(frozen=True)
class CartOptions(SetupOptions):
    """A cart's."""

    robot: str = "cart"
    wheels: int = 4


class Cart:
    """Its second step fails until it is repaired."""

    broken: BaseException | None = None
    ended = 0

    def __init__(self, options: CartOptions, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.title, self.virtual = "a cart", options.robot == "cart"
        self.steps = (
            Step("one", "the first thing", "put it down", lambda found, tell: {"x": self.options.wheels}),
            Step("two", "the second thing", "", self.second),
        )

    def second(self, found: dict[str, Found], tell: Any) -> Found:
        if Cart.broken is not None:
            raise Cart.broken
        return {"y": found["one"]["x"] + 1}

    def figures(self, found: dict[str, Found]) -> dict[str, Any]:
        return {"config": None, "found": found}

    def lines(self, found: dict[str, Found]) -> list[tuple[str, str]]:
        return [(name, json.dumps(each)) for name, each in found.items()]

    def next_command(self, found: dict[str, Found]) -> str:
        return "roll"


@contextmanager
def begin(options: CartOptions, folder: Path) -> Any:
    try:
        yield Cart(options, folder)
    finally:
        Cart.ended += 1


CART = Commissioning(options=CartOptions, begin=begin, knows=lambda name: name == "cart", checks=lambda name: [])


@pytest.fixture(autouse=True)
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cart, "broken", None)
    monkeypatch.setattr(Cart, "ended", 0)


def test_it_goes_through_all_steps_and_says_what_is_next(tmp_path: Path) -> None:
    figures = set_up("cart", CART, CartOptions(wheels=3), True, tmp_path)
    assert figures["found"] == {"one": {"x": 3}, "two": {"y": 4}}
    assert (figures["failure"], figures["next"], Cart.ended) == (None, "roll", 1)


@pytest.mark.parametrize(
    ("error", "failure", "interrupted"),
    [(SetupError("no room"), "no room", False), (KeyboardInterrupt(), "interrupted", True),
     (KeyboardInterrupt("SIGTERM"), "SIGTERM", True)],
)  # fmt: skip
def test_what_was_left_is_taken_up_with_the_options_that_it_began_with(
    tmp_path: Path, error: BaseException, failure: str, interrupted: bool
) -> None:
    Cart.broken = error
    figures = set_up("cart", CART, CartOptions(wheels=3), True, tmp_path)
    assert (figures["failure"], figures["interrupted"], figures["found"]) == (failure, interrupted, {"one": {"x": 3}})
    assert figures["next"] == f"robot setup cart --resume {figures['folder']}"
    Cart.broken = None
    again = set_up("cart", CART, CartOptions(resume=figures["folder"]), True, tmp_path)
    assert again["found"] == {"one": {"x": 3}, "two": {"y": 4}}
    assert again["folder"] == figures["folder"]
    assert Cart.ended == 2


def test_what_an_earlier_step_has_found_wrongly_is_set_up_anew_and_not_taken_up(tmp_path: Path) -> None:
    Cart.broken = SetupError("the first thing was upside down", anew=True)
    figures = set_up("cart", CART, CartOptions(robot="cart", wheels=3, yes=True), True, tmp_path)
    assert figures["next"] == "robot setup cart --wheels 3"
    taken_up = set_up("cart", CART, CartOptions(resume=figures["folder"]), True, tmp_path)
    assert taken_up["next"] == "robot setup cart --wheels 3"


def test_an_option_that_it_began_without_is_refused(tmp_path: Path) -> None:
    folder = set_up("cart", CART, CartOptions(wheels=3), True, tmp_path)["folder"]
    with pytest.raises(ValueError, match="--wheels: found 5, allowed with --resume: 3"):
        set_up("cart", CART, CartOptions(wheels=5, resume=folder), True, tmp_path)
    with pytest.raises(ValueError, match="not a run"):
        set_up("cart", CART, CartOptions(resume=str(tmp_path)), True, tmp_path)


def test_a_real_robot_needs_somebody_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.sys, "stdin", None)
    real = CartOptions(robot="real")
    with pytest.raises(ValueError, match="--yes"):
        set_up("cart", CART, real, True, tmp_path)
    assert set_up("cart", CART, replace(real, yes=True), True, tmp_path)["failure"] is None
