"""Commands as sources, processors and sinks; what is left of them when the pump has ended, however it has."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from bspump_like import Pipeline
from bspump_like.errors import ConfigError, DeliveryError, ProcessingError
from bspump_like.subprocess import CommandProcessor, SubProcessProcessor, SubProcessSink, SubProcessSource
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from tests.faults.harness import Pump


def read(command: Any, during: Any = None, **config: Any) -> tuple[list[Any], Any]:
    """Run a source to its end; return its events and the application."""
    sinks = []

    def build(app: Any) -> None:
        pipeline = Pipeline(app, "P")
        sinks.append(CollectSink(app, pipeline))
        source = SubProcessSource(
            app, pipeline, config={"command": command, "reconnect_delay": 0.01, "stop_timeout": 1, **config}
        )
        pipeline.build(source, sinks[0])
        app.pump_service.add_pipeline(pipeline)

    app = run_pump(build, during=during)
    return sinks[0].events, app


def test_lines_are_events_also_the_last_without_an_end():
    assert read("printf 'a\\nb\\r\\n\\nc'")[0] == [b"a\n", b"b\r\n", b"\n", b"c"]
    assert read(["printf", "a\\nb\\r\\n"], strip=True)[0] == [b"a", b"b"]


def test_many_lines_come_in_order_while_the_pipe_is_full():
    assert read(["seq", "300000"], strip=True)[0] == [b"%d" % number for number in range(1, 300001)]


def test_a_command_gets_directory_and_environment_and_an_empty_input(tmp_path):
    events = read("cat; pwd; echo $GREETING", directory=str(tmp_path), environment={"GREETING": "hi"})[0]
    assert events == [f"{tmp_path}\n".encode(), b"hi\n"]


def test_an_exit_code_that_is_not_good_is_an_error_though_lines_came(caplog):
    events, app = read("echo one; echo 'it broke' >&2; exit 3")
    assert events == [b"one\n"]
    assert app.ExitCode == 1
    assert "ended with exit code 3: it broke" in caplog.text
    assert read("exit 3", ok_return_codes="0 3")[1].ExitCode == 0


def test_a_command_that_was_ended_from_outside_has_failed(caplog):
    assert read("kill -KILL $$")[1].ExitCode == 1
    assert "was ended by SIGKILL" in caplog.text


def test_a_command_that_fails_is_started_again_if_wanted(tmp_path):
    count = f"echo x >> {tmp_path}/runs; wc -l < {tmp_path}/runs; test $(wc -l < {tmp_path}/runs) -ge 3"
    events, app = read(count, strip=True, restart="on_failure")
    assert [line.strip() for line in events] == [b"1", b"2", b"3"]
    assert app.ExitCode == 0


def test_a_line_without_end_is_not_gathered_for_ever(caplog):
    events, app = read("echo good; tr '\\0' x < /dev/zero", line_len_limit=1000)
    assert events in ([b"good\n"], [])  # one read may have both
    assert app.ExitCode == 1
    assert "printed a line of more than 1000 bytes" in caplog.text


def test_what_a_command_leaves_running_is_killed_with_it(until_gone):
    [event] = read("sleep 1000 & echo $!")[0]
    until_gone(int(event))


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_stop_ends_the_command_and_all_it_started(until_gone, stubborn):
    pids = []

    async def during(app: Any) -> None:
        sink = app.pump_service.Pipelines["P"].Processors[0][0]
        while len(sink.events) < 2:  # noqa: ASYNC110 - the events come from another process
            await asyncio.sleep(0.01)
        pids.extend(map(int, sink.events))
        app.stop()

    trap = "trap '' TERM; " if stubborn else ""
    read(f"{trap}sleep 1000 & echo $$; echo $!; wait; sleep 1000", during, stop_timeout="50ms")
    for pid in pids:
        until_gone(pid)


def test_a_killed_pump_leaves_no_process(tmp_path, until_gone):
    command = f"sleep 1000 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/pid; trap '' TERM HUP; while :; do sleep 1000; done"
    parts = {"class": "SubProcessSource", "config": {"command": command}}
    definition = {"pipelines": [{"id": "P", "sources": [parts], "sink": {"class": "NullSink"}}]}
    pump = Pump(tmp_path / "pump", definition, {"pumpbuilder": {"allow": "bspump_like.subprocess"}})
    pump.start()
    pump.wait_for("the command runs", lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    pump.kill()
    for name in ("pid", "child"):
        until_gone(int((tmp_path / name).read_text()))


def test_a_guard_that_was_killed_is_replaced(make, app, tmp_path):
    part = make(CommandProcessor, {"command": [sys.executable, "-c", "import os; print(os.getppid())"]})

    async def go() -> None:
        await part.process({}, b"")
        first = part._guard._process.pid
        os.kill(first, signal.SIGKILL)
        await part._guard._process.wait()
        await part.process({}, b"")
        assert part._guard._process.pid != first
        await part.on_stop()

    app.Loop.run_until_complete(go())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"command": "no_such_program_here"}, None),  # the shell is there; what it finds is its exit code
        ({"command": ["no_such_program_here"]}, "there is no program 'no_such_program_here'"),
        ({"command": ["ls"], "directory": "/nowhere"}, "no directory"),
        ({"command": []}, "expected a line for the shell"),
        ({"command": " "}, "expected a line for the shell"),
        ({}, "'command' must be set"),
        ({"command": "ls", "ok_return_codes": "none"}, "expected exit codes"),
    ],
)
def test_what_cannot_be_run_is_said_at_once(make, config, message):
    if message is None:
        make(SubProcessSource, config)
        return
    with pytest.raises(ConfigError, match=message):
        make(SubProcessSource, config)


@pytest.mark.parametrize("kind", [SubProcessSource, CommandProcessor, SubProcessProcessor, SubProcessSink])
def test_an_operator_can_forbid_commands(kind):
    forbidden = pytest.raises(ConfigError, match=r"'\[subprocess\] enabled' is no here")
    with fresh_application(config={"subprocess": {"enabled": "no"}}) as app, forbidden:
        kind(app, Pipeline(app, "P"), config={"command": "true"})


def through(events: list[Any], kind: Any, pipeline: Any = None, **config: Any) -> tuple[list[Any], Any]:
    """Send events through a processor; return what comes out, and the pipeline."""
    sinks = []

    def build(app: Any) -> None:
        p = Pipeline(app, "P", config=pipeline)
        sinks.append(CollectSink(app, p))
        p.build(ListSource(app, p, events), kind(app, p, config=config), sinks[0])
        app.pump_service.add_pipeline(p)

    app = run_pump(build)
    return sinks[0].events, app.pump_service.Pipelines["P"]


def test_a_command_for_each_event_answers_in_order():
    events, _ = through(["3\n1\n", b"2\n1\n", ""], CommandProcessor, command=["sort"])
    assert events == [b"1\n3\n", b"1\n2\n", b""]


def test_large_input_and_output_do_not_block_each_other():
    data = b"x" * 3_000_000
    assert through([data], CommandProcessor, command=["cat"])[0] == [data]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"command": "echo oh >&2; exit 2"}, "ended with exit code 2: oh"),
        ({"command": "sleep 1000", "timeout": 0.05}, "took more than 0.05 s"),
        ({"command": ["cat", "/dev/zero"], "max_output": 1000}, "printed more than 1000 bytes"),
    ],
)
def test_a_command_that_fails_fails_its_event(make, app, config, message):
    part = make(CommandProcessor, config)
    with pytest.raises(ProcessingError, match=message):
        app.Loop.run_until_complete(part.process({}, b"x"))
    app.Loop.run_until_complete(part.on_stop())


def test_events_go_through_a_running_command_in_order():
    numbers = [str(number) for number in range(2000)]
    events, _ = through(numbers, SubProcessProcessor, command=["sed", "-u", "s/^/n/"])
    assert events == [b"n%d" % number for number in range(2000)]


def test_a_command_that_dies_fails_what_it_owes_and_is_started_anew():
    command = 'while read -r x; do if [ "$x" = die ]; then echo "dying" >&2; exit 1; fi; echo "=$x"; done'
    events, pipeline = through(
        ["a", "die", "b", "c"], SubProcessProcessor, {"on_error": "drop"}, command=command, concurrency=1
    )
    assert events == [b"=a", b"=b", b"=c"]
    assert pipeline.counters.as_dict()["errors"] == 1


@pytest.mark.parametrize(
    ("command", "timeout", "message"),
    [
        ("read -r x; sleep 1000", 0.2, "did not answer within 0.2 s"),
        ("read -r x; exit 0", 60, "ended without an answer"),
        ("read -r x; echo no >&2; exit 5", 60, "ended with exit code 5: no"),
        ("tr '\\0' x < /dev/zero", 60, "printed a line of more than"),
    ],
)
def test_an_answer_that_does_not_come_fails_the_event(make, app, command, timeout, message):
    part = make(SubProcessProcessor, {"command": command, "timeout": timeout, "stop_timeout": 0.1})
    with pytest.raises(ProcessingError, match=message):
        app.Loop.run_until_complete(part.process({}, b"x"))
    app.Loop.run_until_complete(part.on_stop())


def test_a_line_end_within_an_event_is_refused(make, app):
    with pytest.raises(ProcessingError, match="line end within"):
        app.Loop.run_until_complete(make(SubProcessProcessor, {"command": "cat"}).process({}, b"a\nb"))


def into(events: list[Any], command: Any, **config: Any) -> Any:
    def build(app: Any) -> None:
        p = Pipeline(app, "P")
        p.build(ListSource(app, p, events), SubProcessSink(app, p, config={"command": command, **config}))
        app.pump_service.add_pipeline(p)

    return run_pump(build)


def test_events_are_written_to_the_command_and_its_end_is_awaited(tmp_path: Path) -> None:
    events = [f"event {number}" for number in range(5000)]
    app = into(events, f"cat >> {tmp_path}/out")
    assert app.ExitCode == 0
    assert (tmp_path / "out").read_text().splitlines() == events


def test_what_the_command_refused_is_written_again(tmp_path: Path) -> None:
    # It fails at its first run, after having read everything; the next run gets everything again.
    command = f"if mkdir {tmp_path}/first 2>/dev/null; then cat > /dev/null; exit 1; fi; cat >> {tmp_path}/out"
    into(["a", "b\n", b"c"], command)
    assert (tmp_path / "out").read_bytes() == b"a\nb\nc\n"


def test_a_run_that_fails_keeps_the_lines_and_says_why(make, app, tmp_path):
    sink = make(SubProcessSink, {"command": "cat > /dev/null; echo full >&2; exit 1"})
    sink.process({}, "a")
    with pytest.raises(DeliveryError, match="ended with exit code 1: full"):
        app.Loop.run_until_complete(sink.flush())
    assert sink._lines == [b"a\n"]
    app.Loop.run_until_complete(sink.on_stop())


def test_a_command_that_reads_nothing_but_ends_well_is_believed(make, app):
    sink = make(SubProcessSink, {"command": ["true"]})
    for _ in range(1000):
        sink.process({}, b"x" * 1000)
    app.Loop.run_until_complete(sink.flush())
    assert sink._size == 0
    app.Loop.run_until_complete(sink.on_stop())
