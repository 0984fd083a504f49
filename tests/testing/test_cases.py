"""Files of cases: what they may say, and how a mistake in one is told."""

from __future__ import annotations

import pytest

from bspump_like.errors import ConfigError
from bspump_like.testing import check_case, load_cases
from bspump_like.testing.cases import CaseFile, case_file_of
from bspump_like.testing.trying import run_case

PUMP = """
lookups:
  - {id: Countries, class: FileLookup, config: {path: nowhere.csv, key: code, value: name}}
pipelines:
  - id: Cities
    source: {class: FileCSVSource, config: {path: nowhere.csv, post: noop}}
    processors:
      - {class: CastProcessor, config: {fields: {population: int}, on_error: dead_letter}}
      - {class: FilterProcessor, config: {where: {population: {ge: 1000}}}}
      - {class: LookupEnricher, config: {lookup: Countries, key: country, target: land}}
      - {class: TeeProcessor, config: {targets: [Copy]}}
      - class: JSONDumperProcessor
    sink: {class: FileLineSink, config: {path: no/where.txt}}
  - id: Copy
    source: {class: InternalSource}
    processors: [{class: CastProcessor, config: {fields: {name: str}}}]
    sink: {class: NullSink}
"""
BRNO = '{name: Brno, country: CZ, population: "402739"}'


@pytest.fixture
def cases(tmp_path):
    tmp_path.joinpath("pump.yaml").write_text(PUMP)

    def read(text):
        path = tmp_path / "pump.test.yaml"
        path.write_text(text)
        return CaseFile(str(path)).cases

    return read


@pytest.fixture
def run(cases):
    """Run one case; return what is not as expected, and the mistakes."""

    def run(expect, given=f"Cities: [{BRNO}]", more=""):
        mocks = "{lookup:Countries: {table: {CZ: Czechia}}}"
        (case,) = cases(f"cases:\n- name: one\n  mocks: {mocks}\n  given: {{{given}}}\n{more}  expect: {expect}\n")
        result = run_case(case)
        return result.mismatches, [str(problem).rpartition("pump.test.yaml")[2] for problem in result.problems]

    return run


JSON = '{$json: {name: Brno, country: CZ, population: 402739, land: Czechia}}'


@pytest.mark.parametrize("expect", [
    f"{{outputs: {{Cities: [{JSON}]}}}}",
    f"{{outputs: {{Cities: {{equal: [{JSON}], count: 1}}}}}}",
    f"{{outputs: {{Cities: {{in_any_order: [{JSON}]}}}}}}",
    "{outputs: {Cities.LookupEnricher: {contains: [{land: Czechia}, {name: Br}]}}}",
    "{outputs: {Copy: {contains: [{population: {$where: value > 400000}, name: {$regex: ^B}, country: {$any: true}}]}}}",
    "{outputs: {Cities: {matches: population > 400000 and land == 'Czechia'}}}",
    "{outputs: {Copy: [{name: Brno, country: CZ, population: {$approx: 402739.0}, land: Czechia}]}}",
    "{outputs: {Copy: {contexts: [{ancestor: {}}]}}, dropped: 0, errors: [], dead_letters: [], halted: {}}",
])  # fmt: skip
def test_it_passes_when_all_is_as_expected(run, expect):
    assert run(expect) == ([], [])


@pytest.mark.parametrize(("expect", "said"), [
    ("{outputs: {Cities: []}}", "outputs of Cities: expected 0 events, got 1\n+ "),
    (f"{{outputs: {{Cities: [{JSON}, 2]}}}}", "expected 2 events, got 1"),
    ("{outputs: {Copy: [{name: Brno, country: DE, population: 402739, land: Czechia}]}}",
     'outputs of Copy: event 1, country: expected "DE", got "CZ"\n- {"country": "DE"'),
    ("{outputs: {Copy: [{name: Brno, country: CZ, population: '402739', land: Czechia}]}}",
     'event 1, population: expected "402739", got 402739'),
    ("{outputs: {Copy: [{name: Brno, population: 402739, land: Czechia, x: 1}]}}", "x: expected 1, it is not there"),
    ("{outputs: {Copy: [{name: Brno, population: 402739, land: Czechia, x: 1}]}}", "country: not expected, got"),
    ("{outputs: {Copy: {in_any_order: [1]}}}", "not the events that were expected\n- 1\n+ {"),
    ("{outputs: {Copy: {contains: [{name: Praha}]}}}", 'none is like {"name": "Praha"}\n  {"name": "Brno"'),
    ("{outputs: {Copy: {matches: [population < 5]}}}", "'population < 5' does not hold for 1 of 1 events"),
    ("{outputs: {Copy: {matches: nothing + 5 > 4}}}", "does not hold for 1 of 1 events"),
    ("{outputs: {Copy: {count: 3}}}", "expected 3 events, got 1"),
    ("{outputs: {Copy: {contexts: [{}, {}]}}}", "context 2: there is none"),
    ("{dropped: 4}", "dropped: expected 4 events, got 0"),
    ("{dropped: {Cities.FilterProcessor: 1}}", "dropped by Cities.FilterProcessor: expected 1 events, got 0"),
    ("{dead_letters: [{at: Cities.CastProcessor, reason: abc}]}", 'not the dead letters that were expected\n- {"at":'),
    ("{errors: [{}]}", "not the errors that were expected"),
    ("{halted: {Cities: why}}", "expected Cities to halt, it did not"),
])  # fmt: skip
def test_it_says_what_is_not_as_expected(run, expect, said):
    mismatches, problems = run(expect)
    assert problems == []
    assert said in "\n".join(mismatches), mismatches


BAD = "Cities: [{name: X, country: CZ, population: many}]"


def test_an_error_that_nobody_expected_fails(run):
    mismatches, _ = run("{outputs: {Cities: []}}", given=BAD)
    assert len(mismatches) == 1
    assert mismatches[0].startswith("dead letters that nobody expected\n  at Cities.CastProcessor: ProcessingError: field")


@pytest.mark.parametrize("expect", [
    "{dead_letters: [{at: Cities.CastProcessor, reason: no int, event: {name: X}}]}",
    "{errors: [{at: Cities.CastProcessor, reason: ProcessingError}]}",
])  # fmt: skip
def test_an_error_that_is_expected_passes(run, expect):
    assert run(expect, given=BAD) == ([], [])


def test_a_pipeline_that_halts_is_expected_or_said(run):
    stop = "  set: [pipelines.Cities.processors.CastProcessor.config.on_error=stop]\n"
    assert run("{halted: {Cities: no int}}", given=BAD, more=stop) == ([], [])
    (said, *_), _ = run("{halted: {Cities: other}}", given=BAD, more=stop)
    assert said.startswith("expected Cities to halt with 'other', it halted with")
    assert any("Cities halted, which nobody expected" in one for one in run("{errors: [{}]}", given=BAD, more=stop)[0])


def test_mocks_give_what_they_are_told(cases):
    (case,) = cases(f"""
cases:
- name: one
  mocks:
    lookup:Countries: {{}}
    Cities.CastProcessor: {{outputs: [{{population: 5000, country: AT}}]}}
    Cities.LookupEnricher: {{output: {{raw: {{$bytes: abc}}}}}}
    Cities.JSONDumperProcessor: {{error: broken}}
    Copy.CastProcessor: {{}}
  given: {{Cities: [{BRNO}]}}
  expect:
    outputs: {{Cities.FilterProcessor: [{{population: 5000, country: AT}}], Copy: [{{raw: {{$bytes: abc}}}}]}}
    errors: [{{at: Cities.JSONDumperProcessor, reason: broken}}]
    halted: {{Cities: broken}}
""")
    assert run_case(case).mismatches == []


def test_a_pump_that_does_not_start_fails_with_the_reason(cases):
    (case,) = cases(f"cases:\n- name: one\n  given: {{Cities: [{BRNO}]}}\n  expect: {{dropped: 0}}")
    (said,) = run_case(case).mismatches
    assert said.startswith("cannot start: lookup Countries: there is no file 'nowhere.csv'")


def test_what_no_events_reach_cannot_be_expected(run):
    _, (problem,) = run("{outputs: {Copy.*InternalSource: []}}")
    assert problem == ":5: 'Copy.*InternalSource' is called with no events"


def test_events_come_from_files_too(run, tmp_path):
    tmp_path.joinpath("in.ndjson").write_text('{"name": "A", "country": "CZ", "population": 2000}\n\n')
    tmp_path.joinpath("in.json").write_text('[{"name": "B", "country": "CZ", "population": 2000}]')
    tmp_path.joinpath("in.txt").write_text("name\n")

    assert run("{outputs: {Copy: {contains: [{name: A}]}}}", given="Cities: {file: in.ndjson}") == ([], [])
    assert run("{outputs: {Copy: {contains: [{name: B}]}}}", given="Cities: {file: in.json}") == ([], [])
    into_the_middle = "Cities.JSONDumperProcessor: {file: in.txt}"
    assert run("{outputs: {Cities.JSONDumperProcessor: [{$json: name}]}}", given=into_the_middle) == ([], [])
    _, (problem,) = run("{dropped: 0}", given="Cities: {file: out.json}")
    assert problem.startswith(":4: cannot read ")


def test_the_clock_is_fixed_and_moves(tmp_path):
    tmp_path.joinpath("pump.json").write_text(
        '{"pipelines": [{"id": "P", "source": {"class": "IteratorSource", "args": {"iterator": [1]},'
        '"trigger": {"class": "PeriodicTrigger", "args": {"interval": 60}}}, "processors": [], "sink": {"class": "NullSink"}}]}'
    )
    path = tmp_path / "pump.test.json"
    path.write_text(
        '{"cases": [{"name": "three", "clock": "2026-01-01T00:00:00Z", "advance": "3m", "real": ["P.*IteratorSource"],'
        '"expect": {"outputs": {"P": [1, 1, 1]}}}]}'
    )
    (case,) = CaseFile(str(path)).cases
    assert run_case(case).mismatches == []


@pytest.mark.parametrize(("text", "said"), [
    ("", ["1: the file is empty"]),
    ("{}", ["1: there are no cases (it needs 'cases', a list)"]),
    ("cases: []", ["1: there are no cases"]),
    ("cases:\n- nmae: x\n", ["2: unknown key 'nmae' in a case (did you mean 'name'?)"]),
    ("cases:\n- name: x\n", ["2: a case needs 'expect'"]),
    ("cases:\n- expect: {dropped: 1}\n", ["2: a case needs 'name'"]),
    ("cases:\n- {name: x, expect: {dropped: 1}}\n- name: x\n  expect: {dropped: 1}\n", ["3: there is a case 'x' already"]),
    ("cases:\n- name: x\n  given: {P: 5}\n  expect: {output: {}}\n",
     ["3: given events must be an object with events, contexts, file",
      "4: unknown key 'output' in 'expect' (did you mean 'outputs'?)"]),
    ("cases:\n- name: x\n  expect:\n    outputs:\n      P: {equals: []}\n",
     ["5: unknown key 'equals' in an expected output (did you mean 'equal'?)"]),
    ("cases:\n- name: x\n  expect:\n    outputs:\n      P: [{a: {$jsn: 1}}]\n", ["5: there is no '$jsn': did you mean '$json'?"]),
    ("cases:\n- name: x\n  expect:\n    outputs:\n      P: [{a: {$regex: '('}}]\n", ["5: $regex: "]),
    ("cases:\n- name: x\n  expect:\n    outputs:\n      P: [{a: {$where: 'value >'}}]\n", ["5: $where: "]),
    ("cases:\n- name: x\n  mocks: {P.X: {outptu: 1}}\n  expect: {dropped: 1}\n",
     ["3: unknown key 'outptu' in a mock (did you mean 'output'?)"]),
    ("cases:\n- name: x\n  expect: {errors: [{place: 1}]}\n", ["3: unknown key 'place' in an expected failure"]),
])  # fmt: skip
def test_every_mistake_in_a_file_is_told_with_its_line(cases, text, said):
    with pytest.raises(ConfigError) as raised:
        cases(text)
    told = [str(problem).rpartition("pump.test.yaml:")[2] for problem in raised.value.problems]
    assert len(told) == len(said)
    assert all(one.startswith(wanted) for one, wanted in zip(told, said, strict=True)), told


@pytest.mark.parametrize(("more", "said"), [
    ("  clock: soon\n", ":5: 'soon' is no time"),
    ("  clock: 5\n  advance: much\n", ":6: 'advance' has 'much'"),
    ("  advance: 5\n", ":5: 'advance' needs 'clock'"),
    ("  real: [Cities.FileLneSink]\n", "there is nothing at 'Cities.FileLneSink' (did you mean 'Cities.FileLineSink'?)"),
    ("  set: [pipelines.Cities.sink.confg.path=x]\n", "confg"),
])  # fmt: skip
def test_a_mistake_that_shows_only_when_it_runs_has_a_line_too(run, more, said):
    _, problems = run("{dropped: 0}", more=more)
    assert said in problems[0]


def test_a_wrong_address_is_told_where_it_stands(run):
    _, (problem,) = run("{outputs: {Citis: []}}")
    assert problem.startswith(":5: there is nothing at 'Citis' (did you mean 'Cities'?)")
    _, (problem,) = run("{dropped: 0}", given="Citis: []")
    assert problem.startswith(":4: there is nothing at 'Citis'")


def test_a_case_can_be_checked_in_a_test_of_python(cases, tmp_path):
    good, bad = cases(f"""
cases:
- {{name: good, mocks: {{lookup:Countries: {{}}}}, given: {{Cities: [{BRNO}]}}, expect: {{outputs: {{Copy: {{count: 1}}}}}}}}
- {{name: bad, mocks: {{lookup:Countries: {{}}}}, given: {{Cities: [{BRNO}]}}, expect: {{dropped: 5}}}}
""")
    check_case(good)
    with pytest.raises(AssertionError, match=r"pump.test.yaml:4: bad\ndropped: expected 5 events, got 0"):
        check_case(bad)
    assert [case.name for case in load_cases(tmp_path / "pump.yaml")] == ["good", "bad"]
    with pytest.raises(ConfigError, match="No such file"):
        load_cases(tmp_path / "other.test.yaml")


def test_the_file_stands_beside_its_definition(tmp_path):
    definition = tmp_path / "a.json"
    assert case_file_of(str(definition)) is None
    beside = tmp_path / "a.test.yml"
    beside.write_text("cases:\n- {name: x, expect: {dropped: 0}}")
    assert case_file_of(str(definition)) == case_file_of(str(beside)) == str(beside)
    with pytest.raises(ConfigError, match=r"a.test.yml:1: there is no a.yaml or .json beside it \(say definition: FILE\)"):
        _ = CaseFile(str(beside)).definitions
    definition.write_text("{}")
    assert CaseFile(str(beside)).definitions == [str(definition)]
