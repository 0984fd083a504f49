from __future__ import annotations

from collections.abc import Callable

import pytest

from bspump_like.store import Store

from .conftest import Pump

RUN = ("run", "pump.yaml", "--allow", "parts")


@pytest.fixture
def failed(pump: Pump, write: Callable[[str, str], str]) -> Pump:
    text = (pump.directory / "pump.yaml").read_text()
    write("pump.yaml", text.replace("class: Odd}", "class: Fussy, config: {on_error: dead_letter}}"))
    done = pump(*RUN)
    assert done.returncode == 0, done.stderr
    assert "1 dead letters" in done.stderr
    return pump


def test_list_shows_one_line_for_each(failed: Pump) -> None:
    done = failed("dead-letters", "list")

    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert "P.Fussy  dead  ValueError: unlucky" in line
    assert line.split()[0] == "1"
    assert line.endswith("  13")


def test_show_says_all_that_is_known_and_steers_no_terminal(failed: Pump) -> None:
    done = failed("dead-letters", "show", "1")

    assert done.returncode == 0
    for part in ("pipeline:  P\n", "processor: Fussy\n", "event:\n    13\n", "traceback:\n", "raise ValueError"):
        assert part in done.stdout
    assert "\x1b" not in done.stdout


def test_replay_sends_it_again_into_the_processor_that_refused_it(
    failed: Pump, write: Callable[[str, str], str]
) -> None:
    asked = failed("dead-letters", "replay", "--all")
    assert asked.stdout == "1 will be sent again: at once if the pump runs, else when it runs next\n"
    write("mended", "")
    with open(failed.directory / "pump.yaml", "a") as stream:
        stream.write("      # the same definition, mended\n")
    running = failed.start(
        *RUN, "--set", "pipelines.P.source.config.wait=true", "-c", write("f.conf", "[cli]\nreport_period=0.1\n")
    )
    running.wait_for(r"P: 1 in, 1 out")
    running.process.terminate()
    assert running.end() == 0, running.said

    assert 13 in failed.lines()
    assert failed("dead-letters", "list").stdout == ""


def test_discard_removes_for_good(failed: Pump) -> None:
    assert failed("dead-letters", "discard", "1").stdout == "discarded 1\n"
    store = Store(str(failed.directory / "var/bspump.db"))
    assert store.dead_letters() == []
    store.close()


def test_filters_and_mistakes(failed: Pump) -> None:
    none = "no dead letters of the pipeline 'Q'; there are some of P\n"
    assert failed("dead-letters", "list", "--pipeline", "Q").stderr == none
    nothing = failed("dead-letters", "discard", "--all", "--pipeline", "Q")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "discarded 0\n", none)
    unknown = failed("dead-letters", "show", "7")
    assert (unknown.returncode, unknown.stderr) == (1, "there is no dead letter 7\n")
    both = failed("dead-letters", "discard")
    assert (both.returncode, both.stderr) == (2, "say which to discard (one or more ID, or --all)\n")
    nowhere = failed("dead-letters", "list", "--store", "none.db")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("pump: there is no store at none.db")


@pytest.fixture
def two_failed(pump: Pump, write: Callable[[str, str], str]) -> Pump:
    """Two workers that share the input; worker 1 has refused an event."""
    text = (pump.directory / "pump.yaml").read_text().replace("out.txt", "'out-{worker}.txt'")
    write("pump.yaml", text.replace("class: Odd}", "class: Fussy, config: {on_error: dead_letter}}"))
    done = pump(*RUN, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "1 dead letters" in done.stderr
    return pump


def test_those_of_all_workers_are_found(two_failed: Pump) -> None:
    (line,) = two_failed("dead-letters", "list").stdout.splitlines()
    assert line.split()[0] == "1/2:1"
    assert line.endswith("  13")
    assert two_failed("dead-letters", "show", "1/2:1").stdout.startswith("dead letter 1/2:1, dead, ")
    assert two_failed("dead-letters", "show", "0/2:1", "1").stderr == "there is no dead letter 0/2:1, 1\n"
    assert two_failed("dead-letters", "replay", "--all").stdout.startswith("1 will be sent again")
    assert two_failed("dead-letters", "list").stdout.split()[4] == "replay"
    assert two_failed("dead-letters", "discard", "1/2:1").stdout == "discarded 1\n"
    assert two_failed("dead-letters", "list", "--store", "var/bspump.worker-1-of-2.db").stdout == ""
    wrong = two_failed("dead-letters", "show", "1-2")
    assert (wrong.returncode, "expected a number such as 17, or 1/4:17" in wrong.stderr) == (2, True)


def test_those_of_workers_that_are_no_more_go_on_with_the_first(
    two_failed: Pump, write: Callable[[str, str], str]
) -> None:
    two_failed("dead-letters", "replay", "1/2:1")
    write("mended", "")
    fast = write("f.conf", "[cli]\nreport_period=0.1\n")
    wait = ("--set", "pipelines.P.source.config.wait=true")
    running = two_failed.start(*RUN, *wait, "--workers", "3", "--rerun", "-c", fast)
    running.wait_for(r"P: 1,001 in, 1,001 out")
    running.process.terminate()
    assert running.end() == 0, running.said

    assert two_failed.lines("out-*.txt").count(13) == 2  # of the first run, replayed, and of the second
    assert two_failed("dead-letters", "list").stdout == ""
