from __future__ import annotations

import pytest

from bspump_like import ConfigError
from bspump_like.common import InternalSource, NullSink, TeeProcessor, TeeSource
from bspump_like.testing import fresh_application
from tests.pumping import add, collect, events, run, step


def tee(*targets, **config):
    return lambda app, pipeline: TeeProcessor(app, pipeline, "Tee", {"targets": list(targets), **config})


def test_the_event_goes_on_and_a_copy_to_every_target():
    rest, one, two = [], [], []
    run(
        ("P", events(range(50)), tee("A", "B.*In"), step(lambda e: e + 1), collect(rest)), ("A", InternalSource, collect(one)),
        ("B", lambda a, p: InternalSource(a, p, "In"), collect(two)),
    )  # fmt: skip
    assert rest == list(range(1, 51))
    assert one == two == list(range(50))


@pytest.mark.parametrize("copied", [True, False])
def test_copies_are_deep_unless_told_otherwise(copied):
    sent, rest, other = [{"deep": []}], [], []
    run(("P", events(sent), tee("A", copy_event=copied), collect(rest)), ("A", InternalSource, collect(other)))
    assert rest[0] is sent[0]
    assert (other[0] is sent[0]) is not copied


def test_bind_in_code_does_what_the_option_does():
    rest, other = [], []
    run(
        ("P", events(range(5)), lambda a, p: TeeProcessor(a, p).bind("A.*InternalSource"), collect(rest)),
        ("A", InternalSource, collect(other)),
    )
    assert rest == other == list(range(5))


@pytest.mark.parametrize("bound", ["in code", "by option"])
def test_the_other_end_may_bind_itself_and_misses_nothing(bound):
    rest, other = [], []

    def source(app, pipeline):
        if bound == "in code":
            return TeeSource(app, pipeline).bind("P.Tee")
        return TeeSource(app, pipeline, config={"tee": "P.Tee"})

    run(("P", events(range(50), 50), tee(), collect(rest)), ("A", source, collect(other)))
    assert rest == other == list(range(50))


def test_a_tee_that_is_unbound_sends_no_more():
    rest, other = [], []

    class Unbinds(TeeProcessor):
        def process(self, context, event):
            if event == 3:
                self.unbind("A")
            return super().process(context, event)

    run(
        ("P", events(range(6)), lambda a, p: Unbinds(a, p, config={"targets": ["A"]}), collect(rest)),
        ("A", InternalSource, collect(other)),
    )
    assert rest == list(range(6))
    assert other == [0, 1, 2]


def test_tees_in_a_row_end_together():
    rest, other = [], []
    app = run(
        ("P", events(range(5)), tee("A"), collect(rest)),
        ("A", InternalSource, tee("B"), NullSink),
        ("B", InternalSource, collect(other)),
    )
    assert rest == other == list(range(5))
    assert app.ExitCode == 0


def test_a_target_that_is_not_there_stops_the_start(caplog):
    app = run(("P", events([1]), tee("Nope"), NullSink))
    assert app.ExitCode == 2
    assert "there is no source to send to at 'Nope'" in caplog.text


@pytest.mark.parametrize("address", ["P", "P.Tea", "Nope"])
def test_a_tee_source_bound_to_something_else_is_told(address):
    with fresh_application() as app:
        add(app, "P", events([]), tee(), NullSink)
        source = add(app, "A", lambda a, p: TeeSource(a, p).bind(address), NullSink).Sources[0]
        with pytest.raises(ConfigError, match="is no TeeProcessor"):
            app.Loop.run_until_complete(source.main())
