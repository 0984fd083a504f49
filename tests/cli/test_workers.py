from __future__ import annotations

import os
import re
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bspump_like.cli.resharing import adopt
from bspump_like.cli.rows import Row, merged
from bspump_like.cli.stores import store_path
from bspump_like.store import Commit, DeadLetter, Store

from .conftest import PATIENCE, Pump

RUN = ("run", "pump.yaml", "--allow", "parts", "--set", "pipelines.P.sink.config.path=out-{worker}.txt")
WAIT = ("--set", "pipelines.P.source.config.wait=true")
ODD = list(range(1, 1000, 2))


def test_workers_share_the_input_and_report_together(pump: Pump) -> None:
    done = pump(*RUN, "--workers", "2")

    assert done.returncode == 0, done.stderr
    assert "P: 1,000 in, 500 out, 500 dropped, 0 errors in " in done.stderr
    assert pump.lines("out-*.txt") == ODD
    assert pump.lines("out-0.txt") == []
    assert sorted(path.name for path in (pump.directory / "var").glob("*.db")) == [
        "bspump.worker-0-of-2.db",
        "bspump.worker-1-of-2.db",
    ]


def test_a_worker_that_dies_is_started_again_and_loses_nothing(pump: Pump) -> None:
    done = pump(*RUN, "--workers", "2", "--set", "pipelines.P.source.config.die_at=500")

    assert done.returncode == 0, done.stderr
    assert re.search(r"worker 1 was killed by SIGKILL .*; it starts again in ", done.stderr)
    assert "P: 1,000 in, 500 out, 500 dropped, 0 errors in " in done.stderr
    assert sorted(set(pump.lines("out-*.txt"))) == ODD


def test_a_worker_that_is_frozen_is_shown_as_silent(pump: Pump) -> None:
    (pump.directory / "fast.conf").write_text("[cli]\nreport_period=0.2\n")
    running = pump.start(*RUN, *WAIT, "--workers", "2", "-c", "fast.conf")
    running.wait_for(r"P: 1,000 in, 500 out")
    frozen = _children(running.process.pid)[0]
    os.kill(frozen, signal.SIGSTOP)
    running.wait_for(r"P: 1,000 in, 500 out.*worker . silent for \d+ s")
    os.kill(frozen, signal.SIGCONT)
    running.wait_for(r"P: 1,000 in, 500 out.*, running$")
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0, running.said


def test_ctrl_c_stops_all_workers_and_ends_with_0(pump: Pump) -> None:
    (pump.directory / "fast.conf").write_text("[cli]\nreport_period=0.2\n")
    running = pump.start(*RUN, *WAIT, "--workers", "2", "-c", "fast.conf")
    running.wait_for(r"P: 1,000 in, 500 out")
    running.process.send_signal(signal.SIGINT)

    assert running.end() == 0, running.said
    assert pump.lines("out-*.txt") == ODD


def test_workers_end_when_their_parent_is_gone(pump: Pump) -> None:
    (pump.directory / "fast.conf").write_text("[cli]\nreport_period=0.2\n")
    running = pump.start(*RUN, *WAIT, "--workers", "2", "-c", "fast.conf")
    running.wait_for(r"P: 1,000 in, 500 out")
    children = _children(running.process.pid)
    assert len(children) == 2
    ends = [os.pidfd_open(child) for child in children]
    running.process.kill()
    running.end()

    for end in ends:
        assert select.select([end], [], [], PATIENCE)[0], "a worker outlives its parent"
        os.close(end)


def _children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def test_workers_that_cannot_begin_are_not_started_again(pump: Pump) -> None:
    source = (pump.directory / "parts.py").read_text()
    # Sound when the parent checks it, wrong in the workers: as if somebody edits the file just then.
    (pump.directory / "parts.py").write_text(
        source
        + """
if "--worker" in __import__("sys").argv:
    del Odd
"""
    )
    done = pump(*RUN, "--workers", "2")

    assert done.returncode == 2
    assert "has no class 'Odd'" in done.stderr
    assert "starts again" not in done.stderr


def test_a_worker_that_does_not_stop_is_killed_and_said(pump: Pump) -> None:
    source = (pump.directory / "parts.py").read_text()
    hang = "import signal, time; print('hangs', file=__import__('sys').stderr); time.sleep(3600)"
    (pump.directory / "parts.py").write_text(
        source.replace("        if self.options.wait:\n", f"        {hang}\n        if False:\n")
    )
    (pump.directory / "slow.conf").write_text("[bspump]\nstop_timeout=1h\n")
    running = pump.start(*RUN, "--workers", "2", "-c", "slow.conf")
    running.wait_for("hangs")
    running.wait_for("hangs")
    for said in ("stopping 2 workers", "stopping at once"):
        running.process.send_signal(signal.SIGTERM)
        running.wait_for(said)
    running.process.send_signal(signal.SIGTERM)

    assert running.end() == 1
    assert "worker 0: killed, since a third signal came" in running.said


def test_another_number_of_workers_is_refused_until_the_last_run_has_ended(pump: Pump) -> None:
    (pump.directory / "fast.conf").write_text("[cli]\nreport_period=0.2\n")
    running = pump.start(*RUN, *WAIT, "--workers", "2", "-c", "fast.conf")
    running.wait_for(r"P: 1,000 in, 500 out")
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0, running.said

    for workers in ("3", "1"):
        done = pump(*RUN, "--workers", workers)
        assert done.returncode == 2, done.stderr
        assert "holds positions of P from a run with 2 workers that has not come to its end" in done.stderr
        assert "run it --workers 2 to its end, or begin anew with --from-start" in done.stderr
    done = pump(*RUN, "--workers", "3", "--from-start")
    assert done.returncode == 0, done.stderr

    refused = pump(*RUN)
    assert refused.returncode == 2
    assert "came to the end of the input with 3 workers" in refused.stderr
    assert pump(*RUN, "--rerun").returncode == 0
    assert len(pump.lines("out-0.txt") + pump.lines("out-[12].txt")) == 1500


FILES = """pipelines:
  - id: P
    source: {class: FileLineSource, config: {path: "in/*.txt", post: noop}}
    sink: {class: FileLineSink, config: {path: "out-{worker}.txt"}}
"""


def test_files_follow_another_number_of_workers(pump: Pump, write: Callable[[str, str], str]) -> None:
    write("pump.yaml", FILES)
    wanted: list[int] = []
    for round, workers in enumerate(("1", "2", "3", "2", "1", "3")):
        for file in range(4):
            number = 4 * round + file
            write(f"in/{number}.txt", f"{number}\n")
            wanted.append(number)
        done = pump("run", "pump.yaml", "--workers", workers)
        assert done.returncode == 0, done.stderr
        assert pump.lines("out-*.txt") == wanted, "each line once, whoever has the file now"


def test_a_pump_is_not_begun_with_other_workers_while_it_runs(pump: Pump) -> None:
    (pump.directory / "fast.conf").write_text("[cli]\nreport_period=0.2\n")
    running = pump.start(*RUN, *WAIT, "--workers", "2", "-c", "fast.conf")
    running.wait_for(r"P: 1,000 in, 500 out")
    for workers in ("1", "2", "3"):
        second = pump(*RUN, "--workers", workers, "--from-start")
        assert second.returncode == 1, second.stderr
        assert "pipeline P runs already on the store var/bspump.worker-0-of-2.db" in second.stderr
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0, running.said


def test_a_dead_letter_moves_once_even_if_the_move_was_cut_off(tmp_path: Path) -> None:
    old, new = Store(str(tmp_path / "old.db")), Store(str(tmp_path / "new.db"))
    letters = [DeadLetter("P", "S", "bad", number) for number in range(3)]
    old.commit(Commit(dead_letters=[*letters, DeadLetter("Q", "S", "not ours", 9)]))
    # As if the process had died when two were there and none had been taken away.
    new.commit(Commit(dead_letters=letters[:2], state={("adopted", "old.db P"): 2}))

    adopt(old, "old.db", "P", new)
    adopt(old, "old.db", "P", new)

    assert [letter.event for letter in new.dead_letters()] == [0, 1, 2]
    assert [letter.event for letter in old.dead_letters()] == [9]
    assert new.get_states("adopted") == {}
    for store in (old, new):
        store.close()


def test_what_workers_cannot_share_is_refused_with_the_remedy(pump: Pump, write: Callable[[str, str], str]) -> None:
    done = pump(*RUN[:4], "--workers", "2")
    assert done.returncode == 2
    assert "pump.yaml:9: 2 workers would write to one path, out.txt (put {worker} into it" in done.stderr

    write("pump.yaml", "pipelines: [{id: P, source: {module: parts, class: Cycles}, sink: {class: NullSink}}]")
    done = pump(*RUN[:4], "--workers", "2")
    assert done.returncode == 2
    assert "pump.yaml:1: Cycles cannot share its input, so each of 2 workers would read all of it" in done.stderr


KAFKA = """connections: [{id: Kafka, class: KafkaConnection}]
pipelines:
  - id: P
    source: {class: KafkaSource, args: {connection: Kafka}, config: {topic: t, group_id: g}}
    processors: [{class: TeeProcessor, config: {targets: [Q]}}]
    sink: {class: NullSink}
  - id: Q
    source: {class: InternalSource}
    processors: [{class: GroupByAggregator, config: {figures: {n: count}}}]
    sink: {class: NullSink}
"""


def test_a_state_behind_a_group_is_refused_in_a_linked_pipeline_too(
    pump: Pump, write: Callable[[str, str], str]
) -> None:
    write("pump.yaml", KAFKA)
    assert pump("lint", "pump.yaml").returncode == 0
    done = pump("lint", "pump.yaml", "--workers", "2")
    assert done.returncode == 1
    assert (
        "the group of P.*KafkaSource moves partitions from worker to worker, and the state of Q.GroupBy" in done.stdout
    )

    case = "SwitchProcessor, config: {cases: [{when: a > 1, target: Q}]}"
    for other in (
        KAFKA.replace("TeeProcessor, config: {targets: [Q]}", case),
        KAFKA.replace("processors: [{class: TeeProcessor, config: {targets: [Q]}}]", "config: {on_error: {route: Q}}"),
    ):
        write("pump.yaml", other)
        assert "the state of Q.GroupBy" in pump("lint", "pump.yaml", "--workers", "2").stdout

    write("pump.yaml", KAFKA.replace(", group_id: g", ""))
    done = pump("lint", "pump.yaml", "--workers", "2")
    assert done.returncode == 0
    assert (
        "warning: each of 2 workers has its own state of Q.GroupByAggregator: right only if all events" in done.stdout
    )
    write("pump.yaml", KAFKA.replace("GroupByAggregator, config: {figures: {n: count}}", "JSONParserProcessor"))
    assert pump("lint", "pump.yaml", "--workers", "2").returncode == 0


COUNTED = """pipelines:
  - id: P
    source: {class: FileCSVSource, config: {path: "in/*.csv", post: noop}}
    processors: [{class: GroupByAggregator, config: {by: [k], figures: {n: count}}}]
    sink: {class: PrintSink}
"""


def test_that_each_worker_counts_for_itself_is_said_once_and_is_right_with_a_file_for_each_key(
    pump: Pump, write: Callable[[str, str], str]
) -> None:
    write("pump.yaml", COUNTED)
    for key in "abcdef":
        write(f"in/{key}.csv", f"k\n{key}\n{key}\n")
    assert "warning" not in pump("lint", "pump.yaml").stdout
    done = pump("run", "pump.yaml", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("each of 2 workers has its own state of P.GroupByAggregator") == 1
    assert sorted(done.stdout.splitlines()) == [f"{{'k': '{key}', 'n': 2}}" for key in "abcdef"]


def test_from_start_says_what_it_cannot_forget(pump: Pump, write: Callable[[str, str], str]) -> None:
    write("pump.yaml", KAFKA.replace("GroupByAggregator, config: {figures: {n: count}}", "JSONParserProcessor"))
    running = pump.start("run", "pump.yaml", "--from-start")
    running.wait_for(r"P\.\*KafkaSource: its server knows where it was, and --from-start does not change that")
    running.process.kill()
    running.end()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("var/bspump.db", "var/bspump.worker-1-of-4.db"), ("s", "s.worker-1-of-4"), (":memory:", ":memory:")],
)
def test_each_worker_has_its_own_store_file(path: str, expected: str) -> None:
    assert store_path(path, 1, 4) == expected
    assert store_path(path) == path


def test_reports_of_workers_are_added_up() -> None:
    first = Row("P", 10, 5, 5, 0, 0, "running", 1, 4, 2.0)
    second = Row("P", 1, 1, 0, 0, 1, "throttled", 1, 4, 3.0)

    assert merged([[first], [second], []]) == [Row("P", 11, 6, 5, 0, 1, "1 running, 1 throttled", 2, 8, 3.0)]
