from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bspump_like.cli import main
from bspump_like.cli.diagram import Arrow, diagram
from bspump_like.cli.session import build, load_definitions, make_application
from bspump_like.testing import fresh_application

PUMP = """
connections: [{id: Kafka, class: KafkaConnection}]
lookups:
- {id: "Air \\"lines\\"", class: FileLookup, config: {path: a.csv, key: c, value: n}}
- {id: Idle, class: FileLookup, config: {path: b.csv, key: c}}
pipelines:
- id: In & out
  config: {on_error: {route: Bad}}
  source: {class: KafkaSource, args: {connection: Kafka}, config: {topic: t, group_id: g}}
  processors:
  - {class: CastProcessor, config: {fields: {a: int}, on_error: {retry: {attempts: 2}, then: {route: Bad}}}}
  - {class: LookupEnricher, config: {lookup: "Air \\"lines\\"", key: c, target: n}}
  - {class: TeeProcessor, config: {targets: [Copy]}}
  - {class: DivertProcessor, config: {when: 'a > "5"', target: "Copy.*InternalSource"}}
  - {class: CastProcessor, config: {fields: {a: int}}}
  sink: {class: SwitchSink, config: {cases: [{when: a == 1, target: Copy}], default: Bad}}
- id: Copy
  config: {error_scopes: [{from: CastProcessor, to: CastProcessor, types: [ValueError], on_error: {route: Bad}}]}
  source: {class: InternalSource}
  processors: [{class: CastProcessor, config: {fields: {a: int}}}]
  sink: {class: NullSink}
- {id: Bad, source: {id: Entry, class: InternalSource}, sink: {class: NullSink}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("pump.yaml").write_text(PUMP)
    with fresh_application():  # puts back what the verb's own application leaves behind
        yield tmp_path


def test_it_shows_every_way_that_events_go():
    app = make_application(None)
    build(app, load_definitions(["pump.yaml"], []), allow=[])
    drawn = diagram(app.pump_service)

    assert list(drawn.pipelines) == ["In & out", "Copy", "Bad"]
    assert [node.label for node in drawn.pipelines["Bad"]] == ["Entry: InternalSource", "NullSink"]
    assert [node.kind for node in drawn.pipelines["Copy"]] == ["source", "processor", "sink"]
    assert {arrow for arrow in drawn.arrows if arrow.kind != "next"} == {
        Arrow("connection:Kafka", "In & out.*KafkaSource", "uses"),
        Arrow('lookup:Air "lines"', "In & out.LookupEnricher", "uses"),
        Arrow("In & out.TeeProcessor", "Copy.*InternalSource", "link"),
        Arrow("In & out.DivertProcessor", "Copy.*InternalSource", "link", 'a > "5"'),
        Arrow("In & out.SwitchSink", "Copy.*InternalSource", "link", "a == 1"),
        Arrow("In & out.SwitchSink", "Bad.*Entry", "link", "default"),
        Arrow("In & out", "Bad.*Entry", "error"),
        Arrow("In & out.CastProcessor", "Bad.*Entry", "error"),
        Arrow("Copy.CastProcessor", "Bad.*Entry", "error", "ValueError"),
    }
    assert Arrow("In & out.DivertProcessor", "In & out.CastProcessor#2", "next") in drawn.arrows


def test_as_text_each_part_is_a_line(capsys):
    assert main(["graph", "pump.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["In & out", "  > KafkaSource", "  | CastProcessor  on error -> Bad.*Entry"]
    assert "  = SwitchSink  -> Copy.*InternalSource (a == 1)  -> Bad.*Entry (default)" in lines
    assert lines[-1] == "connection Kafka: KafkaConnection: In & out.*KafkaSource"
    assert "lookup Idle: FileLookup: nobody uses it" in lines


def test_mermaid_names_each_node_once(capsys):
    assert main(["graph", "pump.yaml", "--format", "mermaid"]) == 0
    text = capsys.readouterr().out
    assert text.startswith('flowchart LR\n  subgraph p0["In #amp; out"]\n')
    assert '|"a #gt; #quot;5#quot;"|' in text
    assert re.search(r"\n  p0 -\. error \.-> n\d+_Bad_Entry\n", text)
    used = set(re.findall(r"\bn\d+_\w+", text))
    assert used == set(re.findall(r"^ +(n\d+_\w+)[(\[{]", text, re.MULTILINE)), "each name that an arrow has is a node"
    assert text.count("subgraph") == text.count("  end\n") == 3


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it(here):
    assert main(["graph", "pump.yaml", "-o", "pump.svg"]) == 0
    texts = "".join(ElementTree.parse(here / "pump.svg").getroot().itertext())
    for label in ("In & out", 'Air "lines": FileLookup', 'a > "5"', "SwitchSink"):
        assert label in texts


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_the_format_goes_by_the_name_of_the_file(here):
    assert main(["graph", "pump.yaml", "-o", "pump.dot"]) == 0
    assert subprocess.run(["dot", "-Tplain", "pump.dot"], capture_output=True, check=True).stdout.startswith(b"graph ")


def test_a_name_of_no_format_is_refused(here, capsys):
    assert main(["graph", "pump.yaml", "-o", "pump.pdf"]) == 1
    assert "nothing is drawn as '.pdf' (end the name of FILE with .mmd, .md," in capsys.readouterr().err
    assert not (here / "pump.pdf").exists()


def test_in_markdown_it_is_a_block(here):
    assert main(["graph", "pump.yaml", "-o", "pump.md"]) == 0
    assert (here / "pump.md").read_text().startswith("```mermaid\nflowchart LR\n")


def test_without_graphviz_it_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert main(["graph", "pump.yaml", "--format", "svg"]) == 1
    assert capsys.readouterr().err == (
        "pump: SVG is drawn by 'dot', which is not installed (apt install graphviz, or --format mermaid)\n"
    )


def test_a_mistake_is_told_as_lint_does(here, capsys):
    here.joinpath("pump.yaml").write_text(PUMP.replace("NullSink", "NullSnk"))
    assert main(["graph", "pump.yaml"]) == 2
    assert "pump.yaml:21: unknown class 'NullSnk' (did you mean 'NullSink'?)" in capsys.readouterr().err
