from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from collections.abc import Callable

from .conftest import PATIENCE, Pump

RUN = ("run", "pump.yaml", "--allow", "parts")
WAIT = ("--set", "pipelines.P.source.config.wait=true")


def test_a_finite_pump_ends_with_0_and_a_summary(pump: Pump) -> None:
    done = pump(*RUN)

    assert done.returncode == 0, done.stderr
    assert "P: 1,000 in, 500 out, 500 dropped, 0 errors in " in done.stderr
    assert done.stderr.rstrip().endswith("finished")
    assert pump.lines() == list(range(1, 1000, 2))


def test_run_again_it_has_nothing_to_do_and_says_so(pump: Pump) -> None:
    pump(*RUN)
    again = pump(*RUN)

    assert again.returncode == 0
    assert "P: the last run came to the end of the input; --rerun begins anew" in again.stderr
    assert len(pump.lines()) == 500


def test_rerun_begins_anew_after_an_end_only(pump: Pump) -> None:
    pump(*RUN)
    assert len(pump.lines()) == 500
    pump(*RUN, "--rerun")
    assert len(pump.lines()) == 1000

    running = pump.start(*RUN, "--rerun", *WAIT, "-c", _fast_reports(pump))
    running.wait_for(r"P: 1,000 in")
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0
    assert len(pump.lines()) == 1500
    pump(*RUN, "--rerun")
    assert len(pump.lines()) == 1500, "stopped in the middle, it goes on where it was"


def _fast_reports(pump: Pump) -> str:
    (pump.directory / "fast.conf").write_text("[cli]\nreport_period=200ms\n")
    return "fast.conf"


def test_from_start_forgets_where_it_was(pump: Pump) -> None:
    pump(*RUN)
    pump(*RUN, "--from-start")

    assert len(pump.lines()) == 1000


def test_ctrl_c_ends_it_with_0_and_everything_delivered(pump: Pump) -> None:
    running = pump.start(*RUN, *WAIT, "-c", _fast_reports(pump))
    running.wait_for(r"P: 1,000 in, 500 out, 500 dropped, 0 errors, .*, running")
    running.process.send_signal(signal.SIGINT)

    assert running.end() == 0
    assert "P: 1,000 in, 500 out" in running.said
    assert pump.lines() == list(range(1, 1000, 2))


def test_plain_reports_come_only_when_something_has_changed(pump: Pump) -> None:
    running = pump.start(*RUN, *WAIT, "-c", _fast_reports(pump), "-v")
    running.wait_for(r"P: 1,000 in")
    running.process.send_signal(signal.SIGTERM)
    running.end()

    assert running.said.count("P: 1,000 in, 500 out, 500 dropped, 0 errors, ") == 1


def test_once_ends_a_triggered_source_after_one_cycle(pump: Pump, write: Callable[[str, str], str]) -> None:
    trigger = "trigger: {class: PeriodicTrigger, args: {interval: 3600}}"
    write(
        "pump.yaml",
        f"pipelines: [{{id: P, source: {{module: parts, class: Cycles, {trigger}}}, sink: {{class: NullSink}}}}]",
    )
    done = pump(*RUN, "--once")

    assert done.returncode == 0
    assert "P: 1 in, 1 out" in done.stderr


def test_set_and_a_configuration_file_point_a_pump_elsewhere(pump: Pump, write: Callable[[str, str], str]) -> None:
    done = pump(*RUN, "--set", "pipelines.P.sink.config.path=other.txt", "--set", "pipelines.P.source.config.count=10")
    assert done.returncode == 0, done.stderr
    assert pump.lines("other.txt") == [1, 3, 5, 7, 9]

    text = (pump.directory / "pump.yaml").read_text().replace("      config: {path: out.txt}\n", "")
    write("pump.yaml", text)
    write("site.conf", "[pipeline:P:Write]\npath=third.txt\n[pumpbuilder]\nallow=parts\n[store]\npath=elsewhere/s.db\n")
    done = pump("run", "pump.yaml", "-c", "site.conf")
    assert done.returncode == 0, done.stderr
    assert len(pump.lines("third.txt")) == 500
    assert (pump.directory / "elsewhere/s.db").exists()


def test_several_definitions_run_in_one_application(pump: Pump, write: Callable[[str, str], str]) -> None:
    text = (pump.directory / "pump.yaml").read_text()
    write("second.yaml", text.replace("id: P", "id: Q"))
    done = pump(*RUN[:2], "second.yaml", *RUN[2:], "--set", "pipelines.Q.sink.config.path=q.txt")

    assert done.returncode == 0, done.stderr
    assert "P: 1,000 in" in done.stderr
    assert "Q: 1,000 in" in done.stderr
    assert len(pump.lines()) == len(pump.lines("q.txt")) == 500


def test_mistakes_are_sentences_and_the_code_is_2(pump: Pump, write: Callable[[str, str], str]) -> None:
    write("bad.yaml", "pipelines:\n- id: P\n  source: {class: Nowhere}\n  sink: {class: NulSink}\n")
    write("bad.conf", "no section\n")
    for arguments, said in (
        (("run", "bad.yaml"), "bad.yaml:4: unknown class 'NulSink'"),
        (("run", "none.yaml"), "none.yaml: cannot read the definition: No such file or directory"),
        (("run", "pump.yaml"), "pump.yaml:3: the module 'parts' is not allowed"),
        ((*RUN, "-c", "none.conf"), "none.conf: there is no such configuration file"),
        ((*RUN, "-c", "bad.conf"), "bad.conf: the configuration file cannot be read"),
        ((*RUN, "--set", "pipelines.Q.x=1"), "--set pipelines.Q.x: there is no 'Q' in pipelines (known: P)"),
        ((*RUN, "--workers", "0"), "expected 1 or more"),
        ((*RUN, "--from-start", "--rerun"), "not allowed with"),
        (("rum", "pump.yaml"), "invalid choice: 'rum'"),
        ((), "usage: pump"),
    ):
        done = pump(*arguments)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_store_that_cannot_be_opened_is_a_sentence(pump: Pump, write: Callable[[str, str], str]) -> None:
    write("file", "no directory")
    done = pump(*RUN, "--store", "file/s.db")

    assert done.returncode in (1, 2)
    assert "cannot open the store file/s.db" in done.stderr


def test_a_pump_that_halted_on_an_event_ends_with_1(pump: Pump, write: Callable[[str, str], str]) -> None:
    text = (pump.directory / "pump.yaml").read_text().replace("class: Odd", "class: Fussy")
    write("pump.yaml", text.replace("class: Numbers", "class: Numbers, config: {wait: true}"))
    running = pump.start(*RUN, "-c", _fast_reports(pump))
    running.wait_for(r"P: .*error: unlucky")
    running.process.send_signal(signal.SIGTERM)

    assert running.end() == 1
    assert len(pump.lines()) < 1000


def test_a_secret_is_not_in_the_log(pump: Pump, write: Callable[[str, str], str]) -> None:
    pump.environment["SECRET"] = "hunter22"
    write("pump.yaml", (pump.directory / "pump.yaml").read_text().replace("out.txt", "'${SECRET}/out.txt'"))
    running = pump.start(*RUN, "-c", _fast_reports(pump))
    running.wait_for(r"\*\*\*/out.txt")
    running.process.send_signal(signal.SIGTERM)
    running.end()

    assert "hunter22" not in running.said


def test_on_a_terminal_a_live_table_follows_the_run(pump: Pump) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        pump._command((*RUN, *WAIT)), cwd=pump.directory, env={**pump.environment, "TERM": "xterm", "COLUMNS": "120"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen, interrupted = "", False
    try:
        while select.select([ours], [], [], PATIENCE)[0]:
            try:
                screen += os.read(ours, 65536).decode()
            except OSError:
                break  # Linux says so when the last holder of the terminal has gone
            if not interrupted and "500" in screen and "running" in screen:
                process.send_signal(signal.SIGINT)
                interrupted = True
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
    assert "events/s" in screen
    assert "━" in screen, "a finite input has a bar"
    assert "P: 1,000 in, 500 out" in screen


def test_an_installed_package_announces_its_components(pump: Pump, write: Callable[[str, str], str]) -> None:
    write("their_sinks.py", "from bspump_like.common import NullSink\nclass TheirSink(NullSink):\n    pass\n")
    write("theirs-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    write("theirs-1.0.dist-info/entry_points.txt", "[bspump_like.components]\nTheirSink = their_sinks:TheirSink\n")
    text = (pump.directory / "pump.yaml").read_text()
    sink = "      module: parts\n      class: Write\n      config: {path: out.txt}"
    assert sink in text
    write(
        "pump.yaml",
        text.replace(sink, "      class: TheirSink"),
    )
    done = pump(*RUN)

    assert done.returncode == 0, done.stderr
    assert "500 out" in done.stderr
