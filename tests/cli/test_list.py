from __future__ import annotations

import json
import sys

import jsonschema
import pytest

import bspump_like.lookup
from bspump_like.builder.catalogue import entries
from bspump_like.cli import main


def out(capsys, *arguments, code=0):
    assert main(arguments) == code
    return capsys.readouterr().out


def test_every_component_is_listed_with_kind_and_summary(capsys):
    printed = out(capsys, "list")
    for one in entries():
        assert (f"  {one.name} " in printed) is not one.is_base
    line = next(line for line in printed.splitlines() if line.startswith("  FileCSVSource "))
    assert line.split()[1] == "source"
    assert printed.startswith("a")
    assert "\nfile\n" in printed


@pytest.mark.parametrize(("name", "there", "not_there"), [
    ("sinks", "FileLineSink", "FileCSVSource"), ("trigger", "CronTrigger", "NullSink"), ("file", "FileCSVSource", "NullSink"),
])  # fmt: skip
def test_a_kind_or_a_folder_is_listed_alone(capsys, name, there, not_there):
    printed = out(capsys, "list", name)
    assert f" {there} " in printed
    assert not_there not in printed


def test_one_component_is_told_whole(capsys):
    printed = out(capsys, "list", "filelinesink")
    assert printed.startswith("FileLineSink: a sink of bspump_like.file\n\n")
    assert "\nconfig\n" in printed
    assert "  path  (text; " in printed
    assert "\nconfig that every sink has\n  on_error  (any; default empty)\n" in printed

    printed = out(capsys, "list", "PeriodicTrigger")
    assert "\nargs\n  interval  (default empty)\n" in printed


def test_a_class_that_is_there_to_be_extended_is_told_and_not_listed(capsys):
    assert "TextParser" not in [line.split()[0] for line in out(capsys, "list", "common").splitlines()[1:]]
    assert "\nIt is there to be extended in Python; no definition can name it.\n" in out(capsys, "list", "TextParser")


def test_json_has_what_is_declared(capsys):
    one = json.loads(out(capsys, "list", "InternalSource", "--json"))
    assert (one["kind"], one["module"]) == ("source", "bspump_like.common")
    (size,) = (option for option in one["config"] if option["name"] == "queue_max_size")
    assert size == {"name": "queue_max_size", "type": "whole number, >= 1", "required": False, "default": 10,
                    "help": size["help"], "secret": False, "common": False}  # fmt: skip
    some = json.loads(out(capsys, "list", "lookup", "--json"))
    assert {"FileLookup"} <= {one["name"] for one in some}


def test_the_example_is_a_definition_to_begin_with(capsys):
    assert out(capsys, "list", "SwitchProcessor", "--example").startswith("pipelines:\n- id: Flights\n")


@pytest.mark.parametrize(("name", "near"), [("FilterProcesor", "FilterProcessor"), ("linesink", "FileLineSink")])
def test_an_unknown_name_is_answered_with_the_nearest(capsys, name, near):
    assert main(["list", name]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"there is no component '{name}' (did you mean ")
    assert near in said


def test_what_lacks_a_package_is_listed_apart(capsys, monkeypatch):
    monkeypatch.delitem(vars(bspump_like.lookup), "MatrixLookup", raising=False)
    monkeypatch.setitem(sys.modules, "bspump_like.lookup.matrix", None)
    monkeypatch.setitem(sys.modules, "numpy", None)

    printed = out(capsys, "list")
    usable, _, others = printed.partition("\nnot usable here\n")
    assert "  FileLookup " in usable
    assert "MatrixLookup" not in usable
    assert "MatrixLookup: " in others
    assert main(["list", "MatrixLookup"]) == 2
    assert capsys.readouterr().err.startswith("MatrixLookup needs 'bspump_like.lookup.matrix', which is not installed")


def test_the_schema_takes_what_lint_takes(capsys, tmp_path):
    schema = json.loads(out(capsys, "schema"))
    source = {"class": "FileLineSource", "config": {"path": "a"}}
    good = {"pipelines": [{"id": "P", "source": source, "sink": {"class": "NullSink"}}]}
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid(good)
    good["pipelines"][0]["source"]["config"]["pth"] = "a"
    assert not check.is_valid(good)

    assert main(["schema", "-o", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == schema
    assert main(["schema", "-o", str(tmp_path / "none" / "s.json")]) == 1
