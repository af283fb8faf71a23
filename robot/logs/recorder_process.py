"""The recorder process: `python -m robot.logs.recorder_process SESSION.json`."""

import sys
from pathlib import Path

from robot.logs.recorder import RecorderConfig, record
from robot.runtime.process_ends import end_with_reason
from robot.runtime.robot import find_robot
from robot.runtime.session_file import SessionFile


def main() -> None:
    with end_with_reason("recorder"):
        session = SessionFile.load(Path(sys.argv[1]))
        names = session.names
        record(
            RecorderConfig(
                folder=Path(session.folder),
                readings=names["readings"],
                outputs=names["outputs"],
                weights=names["weights"],
                transitions=names["transitions"],
                events=(names["events"],),
                weights_size=session.weights_size,
                records=find_robot(session.kind).records(session.task),
                session_pid=session.session_pid,
            )
        )


if __name__ == "__main__":
    main()
