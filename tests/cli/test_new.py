"""A new project does what its README says, at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import pytest

from bspump_like.cli import main
from bspump_like.cli.new import KINDS
from tests.kafka.topics import Topics

OUTPUT = {
    "file": ("large.ndjson", '{"name":"Praha","country":"CZ","population":1397880}\n'),
    "python": ("greetings.txt", "Good morning Ada!\n"),
}


@pytest.fixture
def make(tmp_path, monkeypatch, capsys):
    def make(kind):
        monkeypatch.chdir(tmp_path)
        assert main(["new", "My project", "--kind", kind]) == 0
        capsys.readouterr()
        monkeypatch.chdir(tmp_path / "My project")
        return tmp_path / "My project"

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_its_cases_pass(make, kind, capsys):
    make(kind)
    assert main(["test", "pump.yaml"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_its_tests_pass_and_nothing_is_left_to_fill_in(make, kind):
    directory = make(kind)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-W", "error"], cwd=directory, capture_output=True, text=True,
                          timeout=240, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stderr, "warning" in done.stdout) == ("", False)
    assert json.loads((directory / "pump.schema.json").read_text())["title"]
    for path in directory.iterdir():
        if path.is_file():
            assert not any(word in path.read_text() for word in ("@NAME@", "@LINT@", "@ABOUT@", "@FILES@")), path


@pytest.mark.parametrize("kind", OUTPUT)
def test_make_runs_it(make, kind):
    directory = make(kind)
    environment = {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin"}
    done = subprocess.run(["make", "check", "run"], cwd=directory, env=environment, capture_output=True, text=True,
                          timeout=240, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    name, first = OUTPUT[kind]
    assert (directory / name).read_text().startswith(first)


def test_the_definition_for_servers_is_sound(make, capsys):
    make("kafka")
    assert main(["lint", "pump.yaml"]) == 0
    assert capsys.readouterr().out == "OK: 2 pipelines, 2 connections\n"


def test_it_writes_over_nothing(make, capsys):
    directory = make("file")
    assert main(["new", str(directory)]) == 1
    assert capsys.readouterr().err.startswith(f"pump: there is something in {directory} already")


@pytest.mark.service
def test_the_project_for_servers_runs(make, kafka, any_search, tmp_path):
    directory = make("kafka")
    topics = Topics(kafka.url)
    access, refused, index = topics.create("access"), topics.create("refused"), f"access-{uuid.uuid4().hex[:8]}-"
    good = {"@timestamp": "2026-01-01T00:00:00Z", "path": "/", "status": "200", "seconds": "0.5"}
    topics.produce(access, [json.dumps(good).encode(), b"no JSON", json.dumps({**good, "path": "/health"}).encode()])

    environment = {**os.environ, "KAFKA_URL": kafka.url, "ELASTICSEARCH_URL": any_search.url}
    changes = {
        "Access.source.config.topic": access, "Access.source.config.group_id": access, "Refused.sink.config.topic": refused,
        "Access.sink.config.index_prefix": index,
    }  # fmt: skip
    command = [sys.executable, "-m", "bspump_like.cli", "run", "pump.yaml", "--plain"]
    command += [text for path, value in changes.items() for text in ("--set", f"pipelines.{path}={value}")]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        url = f"{any_search.url}/{index}2026.01.01/_search"
        wait_for(lambda: topics.values(refused) and len(hits(url)) == 1, running, tmp_path / "log")
    finally:
        running.terminate()
        code = running.wait(120)
    assert code == 0, (tmp_path / "log").read_text()
    assert topics.values(refused) == [b"no JSON"]
    assert [hit["_source"] for hit in hits(url)] == [{**good, "status": 200, "seconds": 0.5}]
    urllib.request.urlopen(urllib.request.Request(f"{any_search.url}/{index}2026.01.01", method="DELETE"), timeout=30).close()


def hits(url):
    """Return what a search finds; nothing while there is no such index."""
    try:
        urllib.request.urlopen(urllib.request.Request(url.replace("_search", "_refresh"), method="POST"), timeout=30).close()
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["hits"]["hits"]
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return []


def wait_for(condition, process, log, patience=120):
    deadline = time.monotonic() + patience
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)  # both servers are other processes, and tell nobody
