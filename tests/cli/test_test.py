from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from bspump_like.cli import main

PUMP = """pipelines:
- id: P
  source: {class: FileLineSource, config: {path: nowhere.txt, post: noop}}
  processors: [{class: FilterProcessor, config: {where: {n: {gt: 1}}}}]
  sink: {class: FileLineSink, config: {path: nowhere/out.txt}}
"""
CASES = """cases:
- name: small ones are dropped
  given: {P: [{n: 1}, {n: 2}]}
  expect: {outputs: {P: [{n: 2}]}, dropped: 1}
- name: large ones are dropped
  given: {P: [{n: 9}]}
  expect:
    outputs: {P: []}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("pump.yaml").write_text(PUMP)
    tmp_path.joinpath("pump.test.yaml").write_text(CASES)
    return tmp_path


def test_it_shows_what_failed_and_where(here, capsys):
    assert main(["test", "pump.yaml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "FAIL  large ones are dropped  (pump.test.yaml:5)",
        "      outputs of P: expected 0 events, got 1",
        '        + {"n": 9}',
        lines[3],
    ]
    assert lines[3].startswith("1 passed, 1 failed in ")
    assert sorted(path.name for path in here.iterdir()) == ["pump.test.yaml", "pump.yaml"], "a test leaves nothing behind"


def test_an_event_steers_no_terminal(here, capsys):
    here.joinpath("pump.test.yaml").write_text(
        'cases: [{name: x, mocks: {P.FilterProcessor: {error: "\\x9b2J"}}, given: {P: ["\\x1b[2J"]}, expect: {outputs: {P: []}}}]'
    )
    assert main(["test", "pump.yaml", "-v"]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "errors that nobody expected" in said


def test_only_cases_of_that_name_run(here, capsys):
    assert main(["test", "pump.yaml", "-k", "SMALL", "-v"]) == 0
    assert capsys.readouterr().out.startswith("ok    small ones are dropped  (")
    assert main(["test", "pump.yaml", "-k", "none such"]) == 2
    assert capsys.readouterr().out.startswith("no case has such a name in")


def test_a_definition_and_its_file_of_cases_are_one(here, capsys):
    assert main(["test", "pump.yaml", "pump.test.yaml", "-k", "small"]) == 0
    assert capsys.readouterr().out.startswith("1 passed in")


def test_it_stops_at_the_first_failure_if_asked(here, capsys):
    here.joinpath("pump.test.yaml").write_text(CASES.replace("P: [{n: 2}]", "P: []"))
    assert main(["test", "pump.yaml", "-x"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 failed in")


def test_the_report_is_junit(here, capsys):
    assert main(["test", "pump.yaml", "--junit", "out/report.xml"]) == 1
    suite = ElementTree.parse(here / "out" / "report.xml").getroot()[0]
    assert suite.attrib | {"time": ""} == {"name": "pump.test.yaml", "tests": "2", "failures": "1", "errors": "0", "time": ""}
    passed, failed = suite
    assert (passed.get("name"), list(passed)) == ("small ones are dropped", [])
    assert failed.get("line") == "5"
    assert failed[0].get("message") == "outputs of P: expected 0 events, got 1"
    capsys.readouterr()


def test_mistakes_have_a_code_of_their_own(here, capsys):
    here.joinpath("pump.yaml").write_text(PUMP.replace("FileLineSink", "FileLineSnk"))
    assert main(["test", "pump.yaml"]) == 2
    said = capsys.readouterr().out
    assert "ERROR small ones are dropped  (pump.test.yaml:2)\n      pump.yaml:5: unknown class 'FileLineSnk'" in said
    assert "2 in error in" in said


def test_the_configuration_file_counts_as_in_a_run(here, capsys):
    here.joinpath("site.conf").write_text("[pipeline:P:FilterProcessor]\ninvert=yes\n")
    assert main(["test", "pump.yaml", "-c", "site.conf", "-k", "large"]) == 0
    assert main(["test", "pump.yaml", "-c", "none.conf"]) == 2
    here.joinpath("site.conf").write_text("x")
    assert main(["test", "pump.yaml", "-c", "site.conf"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "none.conf: cannot read the configuration file: No such file or directory"
    assert said[1].startswith("site.conf: the configuration file cannot be read: File contains no section headers")


def test_without_cases_it_says_where_they_belong(here, capsys):
    here.joinpath("pump.test.yaml").unlink()
    assert main(["test", "pump.yaml"]) == 2
    assert capsys.readouterr().err == (
        "pump.yaml: no cases beside it\nthere is nothing to test (write cases into NAME.test.yaml beside NAME.yaml)\n"
    )
