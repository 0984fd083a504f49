"""The example, with the commands of its page, as a user runs it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.end_to_end.harness import delete_topic
from tests.kafka.topics import Topics

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
EXAMPLE = Path("examples/kafka-elasticsearch")
PAGE = ROOT / "docs/how-to/kafka-to-elasticsearch.md"


@pytest.fixture
def environment(broker, node, tmp_path):
    """A working directory with the example, servers without its topics and indices, and their addresses as variables."""
    for topic in ("web-access", "web-access-refused"):
        delete_topic(broker.url, topic)
    _delete_indices(node)
    shutil.copytree(ROOT / EXAMPLE.parent, tmp_path / EXAMPLE.parent)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    yield {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "KAFKA_URL": broker.url, "ELASTICSEARCH_URL": node.url}
    _delete_indices(node)


def _delete_indices(node):
    for index in _ask(node, "/web-access-*/_settings"):
        urllib.request.urlopen(urllib.request.Request(f"{node.url}/{index}", method="DELETE"), timeout=30).close()


def _ask(node, path):
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(
            urllib.request.Request(f"{node.url}/web-access-*/_refresh", method="POST"), timeout=30
        ).close()
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(node.url + path, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or time.monotonic() > deadline:
                raise
            time.sleep(0.2)  # the shards of an index that was made a moment ago


class Running:
    """The last command of the page, which does not end by itself."""

    def __init__(self, command, directory, environment):
        self.log = directory / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_for(self, condition, patience=120):
        deadline = time.monotonic() + patience
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        """Leave nothing behind: it would go on as a member of the group, at the broker of the next test."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(120) == 0, self.log.read_text()


def test_the_example_as_its_page_says(environment, broker, node, tmp_path):
    began = time.monotonic()
    [block] = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    *before, pump = block.splitlines()
    for command in before:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"

    topics = Topics(broker.url)
    lines = (ROOT / EXAMPLE / "access.ndjson").read_bytes().splitlines()
    assert sorted(topics.values("web-access")) == sorted(lines)
    wanted = {(event["@timestamp"], event["client"]) for event in _events(lines) if event["path"] != "/health"}
    broken = [line for line in lines if not line.startswith(b"{")]
    assert (len(wanted), len(broken)) == (269, 2)

    with Running(pump, tmp_path, environment) as running:
        running.wait_for(lambda: _ask(node, "/web-access-*/_count")["count"] >= len(wanted))
        running.wait_for(lambda: len(topics.values("web-access-refused")) >= len(broken))
        running.stop()
    with Running(pump, tmp_path, environment) as again:
        topics.produce("web-access", [_at("2026-11-20T23:59:59Z"), _at("2026-11-21T00:00:00Z")])
        again.wait_for(lambda: _ask(node, "/web-access-*/_count")["count"] >= len(wanted) + 2)
        again.stop()

    hits = _ask(node, "/web-access-*/_search?size=1000")["hits"]["hits"]
    assert {(hit["_source"]["@timestamp"], hit["_source"]["client"]) for hit in hits} - _NEW == wanted
    assert len(hits) == len(wanted) + 2
    assert topics.values("web-access-refused") == broken
    for hit in hits:
        source = hit["_source"]
        assert hit["_index"] == f"web-access-{source['@timestamp'][:10].replace('-', '.')}"
        assert isinstance(source["status"], int)
        assert isinstance(source["seconds"], float)
        assert source["status_class"]
    print(f"\nthe example: {len(wanted)} of 300 stored, lost 0, doubled 0, {time.monotonic() - began:.1f} s")


def _events(lines):
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def _at(moment):
    event = {"@timestamp": moment, "client": "new", "path": "/", "status": "200", "bytes": "1", "seconds": "0.5"}
    return json.dumps(event).encode()


_NEW = {("2026-11-20T23:59:59Z", "new"), ("2026-11-21T00:00:00Z", "new")}
