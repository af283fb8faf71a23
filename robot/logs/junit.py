"""JUnit XML, the report that CI systems show: one suite of test cases."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from policies.array_file import write_bytes_atomically

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


@dataclass(frozen=True)
class TestCase:
    """One result. failure: something was found to be wrong; error: it could not be found out. type, message: which and
    why; properties: what else is known."""

    __test__ = False  # not a test for pytest to collect

    suite: str
    name: str
    duration_s: float
    result: Literal["passed", "failure", "error"] = "passed"
    type: str = ""
    message: str = ""
    properties: dict[str, str] = field(default_factory=dict)


def write_junit(path: Path, name: str, cases: list[TestCase]) -> None:
    """Write the cases as a JUnit file."""
    suite = ElementTree.Element("testsuite", {
        "name": name,
        "tests": str(len(cases)),
        "failures": str(sum(case.result == "failure" for case in cases)),
        "errors": str(sum(case.result == "error" for case in cases)),
        "time": f"{sum(case.duration_s for case in cases):.3f}",
    })  # fmt: skip
    for case in cases:
        attributes = {"classname": case.suite, "name": as_xml(case.name), "time": f"{case.duration_s:.3f}"}
        element = ElementTree.SubElement(suite, "testcase", attributes)
        if case.properties:
            properties = ElementTree.SubElement(element, "properties")
            for key, value in case.properties.items():
                ElementTree.SubElement(properties, "property", {"name": key, "value": as_xml(value)})
        if case.result != "passed":
            about = {"type": case.type, "message": as_xml(case.message)}
            ElementTree.SubElement(element, case.result, about).text = as_xml(case.message)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    write_bytes_atomically(path, [ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), b"\n"])


def as_xml(text: str) -> str:
    """The text with characters that XML has no place for (in a file's name, say) written as escapes."""
    return NOT_XML.sub(lambda found: found[0].encode("ascii", "backslashreplace").decode() if ord(found[0]) > 127
                       else f"\\x{ord(found[0]):02x}", text)  # fmt: skip
