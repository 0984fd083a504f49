from __future__ import annotations

import pytest

from bspump_like import ConfigError
from bspump_like.common import InternalSource, NullSink, RouterProcessor, RouterSink
from bspump_like.testing import fresh_application
from tests.pumping import add, collect, events, run


class ByParity(RouterSink):
    def process(self, context, event):
        self.route(context, event, "Odd" if event % 2 else "Even.*In")


def named(app, pipeline):
    return InternalSource(app, pipeline, "In")


def test_a_router_sends_each_event_to_the_pipeline_it_names():
    odd, even = [], []
    run(("P", events(range(100)), ByParity), ("Odd", InternalSource, collect(odd)), ("Even", named, collect(even)))
    assert odd == list(range(1, 100, 2))
    assert even == list(range(0, 100, 2))


def test_an_event_may_go_to_several_pipelines_and_on():
    class Copies(RouterProcessor):
        def process(self, context, event):
            self.route(context, event, "A")
            self.dispatch(context, event, "B")
            return event

    one, two, rest = [], [], []
    run(
        ("P", events(range(50)), Copies, collect(rest)),
        ("A", InternalSource, collect(one)),
        ("B", InternalSource, collect(two)),
    )
    assert one == two == rest == list(range(50))


@pytest.mark.parametrize("copied", [True, False])
def test_events_are_copied_unless_told_otherwise(copied):
    sent, got = [{"deep": []}], []

    class Sends(RouterSink):
        def process(self, context, event):
            self.route(context, event, "A", copy_event=copied)

    run(("P", events(sent), Sends), ("A", InternalSource, collect(got)))
    assert got == sent
    assert (got[0] is sent[0]) is not copied


def test_routing_makes_the_pipelines_one_group():
    app = run(("P", events(range(10)), ByParity), ("Odd", InternalSource, NullSink), ("Even", named, NullSink))
    assert len({pipeline.committer for pipeline in app.pump_service.Pipelines.values()}) == 1


def test_a_source_is_located_once_and_forgotten_on_demand():
    with fresh_application() as app:
        target = add(app, "Odd", InternalSource, NullSink)
        router = add(app, "P", events([]), ByParity).locate_processor("ByParity")
        assert not router.unlocate("Odd")
        assert router.locate("Odd") is router.locate("Odd") is target.Sources[0]
        assert router.unlocate("Odd")
        assert not router.unlocate("Odd")
        with pytest.raises(ConfigError, match="no source to send to at 'Nope'"):
            router.locate("Nope")


def test_an_address_that_leads_nowhere_is_an_error_of_the_event():
    class Lost(RouterSink):
        def process(self, context, event):
            self.route(context, event, "Nope")

    app = run(("P", events(range(3)), Lost, {"on_error": "drop"}))
    assert app.pump_service.Pipelines["P"].counters.errors == 3
    assert app.ExitCode == 0
