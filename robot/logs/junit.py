"""JUnit XML, the report that CI systems show: one suite of test cases."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from policies.array_file import write_bytes_atomically


@dataclass(frozen=True)
class TestCase:
    """One result. `failure`: what was found to be wrong; `error`: why it could not be found out; both None: passed."""

    __test__ = False  # not a test for pytest to collect

    suite: str
    name: str
    duration_s: float
    failure: str | None = None
    error: str | None = None


def write_junit(path: Path, name: str, cases: list[TestCase]) -> None:
    """Write the cases as a JUnit file."""
    suite = ElementTree.Element("testsuite", {
        "name": name,
        "tests": str(len(cases)),
        "failures": str(sum(case.failure is not None for case in cases)),
        "errors": str(sum(case.error is not None for case in cases)),
        "time": f"{sum(case.duration_s for case in cases):.3f}",
    })  # fmt: skip
    for case in cases:
        attributes = {"classname": case.suite, "name": case.name, "time": f"{case.duration_s:.3f}"}
        element = ElementTree.SubElement(suite, "testcase", attributes)
        for kind, message in (("failure", case.failure), ("error", case.error)):
            if message is not None:
                ElementTree.SubElement(element, kind, {"message": message}).text = message
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    write_bytes_atomically(path, [ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), b"\n"])
