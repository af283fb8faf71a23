"""A training's picture is drawn from the table that it left, and a table that is none is refused by name."""

import re
from pathlib import Path

import numpy as np
import pytest

from robot.training.picture import is_training, plot_training, read_metrics
from robot.training.train import metrics
from robot.training.trainer import Check, Look

LOOKS = [
    Look(1.0, {"env_steps": 5, "survival": 0.1, "error_m": None}, ""),
    Look(0.2, {"env_steps": 9, "survival": 0.9, "error_m": 0.01}, ""),
]


def left_by(tmp_path: Path, text: str) -> Path:
    (tmp_path / "metrics.csv").write_text(text)
    return tmp_path


def test_what_a_training_found_is_drawn_and_what_it_did_not_find_is_left_out(tmp_path: Path) -> None:
    checks = [Check(10 * k, 20, 1.5 * k, np.zeros(1, np.float32), look) for k, look in enumerate(LOOKS)]
    folder = left_by(tmp_path, metrics(checks))
    assert is_training(folder) and not is_training(tmp_path / "nowhere")
    columns = read_metrics(folder / "metrics.csv")
    assert columns["seconds"].tolist() == [0.0, 1.5] and np.isnan(columns["error_m"][0])
    assert plot_training(folder).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "seconds: found nothing"),
        ("seconds,survival\n1,2\n", "score: found nothing"),
        ("seconds,score,survival\n1,2,many\n", "survival: found no number"),
        ("seconds,score,survival\n1,2\n", "survival: found no number"),
        ("seconds,score\n1,2\n", "columns: found seconds, score"),
    ],
)
def test_a_table_that_is_none_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"metrics\.csv") as refused:
        plot_training(left_by(tmp_path, text))
    assert re.search(re.escape(said), str(refused.value).replace("field ", "")), str(refused.value)
