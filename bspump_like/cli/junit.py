"""Results of `pump test` as JUnit XML, which build servers show."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BSPumpError

if TYPE_CHECKING:
    from ..testing.trying import Result


def write(path: str, results: Sequence[Result]) -> None:
    """Write the results.

    Raises:
        BSPumpError: The file cannot be written.
    """
    suites = ElementTree.Element("testsuites")
    files: dict[str, list[Result]] = {}
    for result in results:
        files.setdefault(result.case.file.path, []).append(result)
    for file, group in files.items():
        suite = ElementTree.SubElement(
            suites, "testsuite", name=file, tests=str(len(group)), time=f"{sum(one.seconds for one in group):.3f}",
            failures=str(sum(bool(one.mismatches) for one in group)), errors=str(sum(bool(one.problems) for one in group)),
        )  # fmt: skip
        for one in group:
            suite.append(_case(one))
    ElementTree.indent(suites)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise BSPumpError(f"cannot write {path}", detail=str(error.strerror), hint="see --junit") from error


def _case(result: Result) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=result.case.file.path, name=result.case.name, time=f"{result.seconds:.3f}",
        file=result.case.file.path, line=str(result.case.line),
    )  # fmt: skip
    for kind, texts in (("error", [str(problem) for problem in result.problems]), ("failure", result.mismatches)):
        if texts:
            said = ElementTree.SubElement(case, kind, message=_valid(texts[0].partition("\n")[0]))
            said.text = _valid("\n".join(texts))
    if result.log and not result.passed:
        ElementTree.SubElement(case, "system-err").text = _valid("\n".join(result.log))
    return case


def _valid(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return "".join(char if char >= " " or char in "\t\n\r" else repr(char)[1:-1] for char in text)
