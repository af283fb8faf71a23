"""`robot setup`: from the box to the first lap or flight: what an owner gets wrong is measured, and written to the robot's file."""

from robot.cli import setup_camera
from robot.cli.output import finish, parse
from robot.commissioning.commissioning import find_commissioning
from robot.commissioning.kinds import called
from robot.views.say import say


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["camera"]:
        return setup_camera.main(arguments[1:])
    known = called()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            f"usage: robot setup KIND [options]          KIND: {', '.join(known)}, camera; robot setup KIND --help for its options"
        )
        return 0 if arguments else 2
    kind = arguments[0]
    if kind not in known:
        raise ValueError(f"found '{kind}', allowed: {', '.join(known)}, camera")
    brings = find_commissioning(known[kind])
    options, as_json = parse(brings.options, f"setup {kind}", arguments[1:])
    from robot.commissioning.run import set_up

    figures = set_up(kind, brings, options, as_json)
    if figures["failure"]:
        say(f"ended early: {figures['failure']}")
        say(f"go on with: {figures['next']}")
    else:
        say(f"file     {figures['config']}")
        say(f"now      {figures['next']}")
    finish(figures, as_json)
    if figures["interrupted"]:
        return 130
    wrong = figures["failure"] or figures["refused"] or figures["touches"] or figures["within"] is False
    return 1 if wrong else 0
