"""What the documents tell others to run: it runs."""

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml

from robot.cli import VERBS
from robot.cli.replay import ReplayConfig, main
from robot.logs.replay_folder import EXIT_STATUS

PROJECT = Path(__file__).parents[2]
LIBRARY, WORKFLOW = PROJECT / "docs" / "library.md", PROJECT / "docs" / "ci" / "replay.yml"


def test_the_snippets_of_the_library_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    snippets = re.findall(r"```python\n(.*?)```", LIBRARY.read_text(), re.DOTALL)
    assert len(snippets) >= 5
    names: dict[str, object] = {"junit": tmp_path / "replay.xml"}
    for number, snippet in enumerate(snippets):
        exec(compile(snippet, f"library.md, snippet {number}", "exec"), names)
    assert (tmp_path / "replay.xml").read_text().count("<testcase") == len(
        list((PROJECT / "tests" / "recordings").glob("*/log.mcap"))
    )


@pytest.fixture
def workflow() -> dict:
    return yaml.safe_load(WORKFLOW.read_text())


def test_the_workflow_is_one(workflow: dict) -> None:
    assert workflow[True] == ["push", "pull_request"]  # YAML 1.1 reads `on` so
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["timeout-minutes"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


def test_the_commands_of_the_workflow_exist(
    workflow: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = workflow["jobs"]["replay"]["steps"]
    [command] = [step["run"] for step in steps if "bin/robot " in step.get("run", "")]
    _, verb, *arguments = shlex.split(command.split("|")[0].replace("$LOGS", workflow["env"]["LOGS"]))
    assert verb in VERBS and verb == "replay"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "empty.mcap").touch()
    assert main(arguments) == 2
    uploaded = steps[-1]["with"]["path"].split()
    assert (tmp_path / uploaded[0]).is_file() and os.path.basename(uploaded[1]) in command
    assert "empty" in capsys.readouterr().out


def test_every_exit_status_is_told_in_the_help() -> None:
    told = ReplayConfig.__doc__ or ""
    for status in set(EXIT_STATUS.values()):
        assert re.search(rf"\b{status}: ", told)
