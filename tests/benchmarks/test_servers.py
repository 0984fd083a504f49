"""What the figures of `benchmarks/servers` rest on, without a server."""

from __future__ import annotations

import os
import subprocess
import sys

import orjson
import pytest

from benchmarks.results import replace_section
from benchmarks.servers import peer_rsyslog, pump
from benchmarks.servers.cluster import wrong
from benchmarks.servers.command import parse
from benchmarks.servers.measure import Taken
from benchmarks.servers.report import Result, tables
from benchmarks.servers.stamps import Stamps
from benchmarks.servers.systems import HAND, PUMP, ROOT
from benchmarks.servers.tree import Tree
from benchmarks.servers.work import Job, make_events, read_job, transform

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def job(folder, path="kafka"):
    return Job(path, "127.0.0.1:1", "http://127.0.0.1:2", "in", 4, "group", "out", str(folder))


def test_the_tree_counts_descendants_that_run_and_that_have_ended():
    parent = (
        f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n"
        "print('x', flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        tree = Tree(process.pid)
        assert 0.28 <= tree.sample() < 5
        assert tree.peak > 4_000_000
    finally:
        process.kill()
        process.communicate()


def test_the_tree_sees_a_grandchild_at_work():
    child = "import time; print(1, flush=True); time.sleep(60)"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(Tree(process.pid).pids()) == 2
        assert Tree(process.pid).busy() > 0
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def test_events_are_the_same_in_every_run_but_for_the_stamp():
    assert make_events(50) == make_events(80)[:50]
    assert all(170 < len(event) < 270 for event in make_events(500))
    assert orjson.loads(make_events(1, sent=7)[0])["sent"] == 7


def test_results_are_compared_with_those_of_the_loop():
    made = [transform(orjson.loads(event)) for event in make_events(3)]
    assert wrong(made, 3) == ""
    assert "event 2" in wrong([{**made[2], "status": "200"}], 3)
    assert wrong([], 3) == "it made nothing"


def test_the_job_reaches_the_process_as_it_is(tmp_path):
    assert read_job(str(job(tmp_path).write())) == job(tmp_path)


def test_costs_are_what_all_events_cost_without_the_start():
    hand = Result(HAND, "null", [Taken(1000, 0.5, 0, 1)], [Taken(1_001_000, 2.5, 300_000, 1)])
    pump_result = Result(PUMP, "null", [Taken(1000, 1.0, 0, 1)], [Taken(501_000, 2.25, 200_000, 2**20)])
    assert hand.cost == pytest.approx(2.0)
    assert pump_result.cost == pytest.approx(2.5)
    assert pump_result.ratio(hand) == pytest.approx(0.8)
    assert "| 2.50 | 0.80 | 0% | 200,000 | 1 |" in tables([hand, pump_result])


def test_latencies_count_when_the_load_has_settled():
    stamps = Stamps()
    stamps.take(b'{"sent":900}', 10_000)
    assert stamps.percentiles() == (0.0, 0.0)
    stamps.begin(1_000, 500)
    stamps.take(b'{"id":1,"sent":999}\n{"id":2,"sent": 1001}\n{"sent":1501,"id":3}', 10_000)
    assert stamps.percentiles() == (0.0, 0.0)
    stamps.take(b'{"id":4,"sent":1502}{"id":5,"sent":2000}{"id":6,"sent":3000}', 10_000)
    assert stamps.percentiles() == pytest.approx((8e-6, 8.498e-6))


def test_a_section_is_replaced_and_others_stay(tmp_path):
    path = tmp_path / "RESULTS.md"
    replace_section(path, "Real servers", "one")
    assert path.read_text() == "# Real servers\n\none\n"
    path.write_text("# Event path\n\n## Memory\n\nflat\n")
    replace_section(path, "Real servers", "one\n\n## Two")
    assert path.read_text() == "# Event path\n\n## Memory\n\nflat\n\n# Real servers\n\none\n\n## Two\n"
    path.write_text(path.read_text() + "\n# Last\n\nend\n")
    replace_section(path, "Real servers", "new")
    assert path.read_text() == "# Event path\n\n## Memory\n\nflat\n\n# Real servers\n\nnew\n\n# Last\n\nend\n"


@pytest.mark.parametrize("path", ["null", "kafka", "elasticsearch"])
def test_the_definition_of_the_pump_is_valid(tmp_path, path):
    command = pump.command(job(tmp_path, path), {"document_id": "position"} if path == "elasticsearch" else None)
    assert command[1] == "run"
    lint = [command[0], "lint", command[2], "--allow", "benchmarks.servers.parts"]
    done = subprocess.run(lint, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rsyslog_is_told_the_names(tmp_path):
    for path in ("null", "kafka", "elasticsearch"):
        peer_rsyslog.command(tmp_path, job(tmp_path, path))
        text = (tmp_path / "rsyslog.conf").read_text()
        assert 'topic="in"' in text
        assert 'consumergroup="group"' in text


def test_only_names_paths_systems_or_both():
    chosen = {(path, one.key) for path, one in parse(["--only", "null/hand,pump-ids"]).pairs}
    assert chosen == {("null", "hand"), ("elasticsearch", "pump-ids")}
    assert not any(one.peer for _, one in parse(["--quick"]).pairs)
    with pytest.raises(SystemExit):
        parse(["--only", "nonsense"])
    with pytest.raises(SystemExit):
        parse(["--quick", "--write"])
