from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from bspump_like import BSPumpError, ConfigError, Connection, Lookup, Pipeline, PumpService, Source
from bspump_like.common import InternalSink, InternalSource, IteratorSource, NullSink
from bspump_like.store import Store
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from bspump_like.trigger import RunOnceTrigger
from tests.pumping import Endless, Failing, Patient, add, collect, events, run, step, until


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store.db")


@pytest.fixture
def app():
    with fresh_application() as app:
        yield app


@pytest.fixture
def service(app):
    return app.pump_service


# names


def test_the_service_is_found_under_the_name_of_the_contract(app, service):
    assert app.get_service("bspump.PumpService") is service
    assert isinstance(service, PumpService)


def test_parts_are_located_by_address(app, service):
    pipeline = add(app, "P", events([], id="In"), step(str, id="Step"), NullSink)
    assert service.locate("P") is pipeline
    assert service.locate("P.Step") is pipeline.locate_processor("Step")
    assert service.locate("P.NullSink").Id == "NullSink"
    assert service.locate("P.*In") is pipeline.Sources[0]
    for address in ("Q", "P.Nope", "P.*Nope", "Q.Step", ""):
        assert service.locate(address) is None


class EmptyLookup(Lookup):
    async def load(self):
        return True


def test_a_name_is_taken_once(app, service):
    for kind, make in {
        "pipeline": lambda: add(app, "P", events([]), NullSink),
        "connection": lambda: service.add_connection(Connection(app, "C")),
        "lookup": lambda: service.add_lookup(EmptyLookup(app, "L")),
        "matrix": lambda: service.add_matrix(Connection(app, "M")),
    }.items():
        make()
        with pytest.raises(RuntimeError, match=f"(?i){kind} '.' already registered"):
            make()


def test_connections_and_lookups_are_located_by_name_or_handed_back(app, service):
    connection, lookup = Connection(app, "Elastic"), EmptyLookup(app, "Users")
    service.add_connections(connection)
    service.add_lookups(lookup)
    assert service.locate_connection("Elastic") is connection
    assert service.locate_connection(connection) is connection
    assert service.locate_lookup("Users") is lookup
    assert service.locate_lookup(lookup) is lookup
    with pytest.raises(KeyError, match="Cannot find connection id 'Elastc' .*did you mean 'Elastic'"):
        service.locate_connection("Elastc")
    with pytest.raises(KeyError, match="Cannot find lookup id 'User'"):
        service.locate_lookup("User")
    with pytest.raises(KeyError, match="Cannot find matrix id 'M'"):
        service.locate_matrix("M")


def test_lookup_factories_are_asked_for_unknown_names(app, service):
    found = EmptyLookup(app, "Made")

    class Factory:
        def locate_lookup(self, lookup_id, context):
            return found if lookup_id == "Made" else None

    service.add_lookup_factory(Factory())
    assert service.locate_lookup("Made") is found
    with pytest.raises(KeyError):
        service.locate_lookup("Other")


def test_an_input_is_the_source_that_takes_events_of_others(app, service):
    add(app, "P", [events([]), lambda a, p: InternalSource(a, p, "In")], NullSink)
    add(app, "Q", events([]), NullSink)
    assert service.locate_input("P").Id == "In"
    assert service.locate_input("P.*In").Id == "In"
    for address in ("Q", "P.*Patient", "P.NullSink", "Nope"):
        with pytest.raises(ConfigError, match="no source to send to"):
            service.locate_input(address)
    with pytest.raises(ConfigError, match=r"did you mean 'P\.\*In'"):
        service.locate_input("P.*I")


def test_connected_pipelines_are_one_group(app, service):
    one, two, three = (add(app, name, InternalSource, NullSink) for name in "ABC")
    service.connect(one, two)
    service.connect(two, three)
    service.connect(one, two)
    assert one.committer is two.committer is three.committer
    assert two.upstream == {one}
    assert one.committer.pipelines == [one, two, three]


def test_a_pipeline_may_be_removed(app, service):
    pipeline = add(app, "P", events([]), NullSink)
    service.del_pipeline(pipeline)
    assert service.locate("P") is None


# start and end


def test_the_order_of_start_and_stop():
    order = []

    class Noted(Connection):
        async def on_start(self):
            order.append("connection starts")

        async def on_stop(self):
            order.append("connection stops")

    class NotedLookup(EmptyLookup):
        async def load(self):
            order.append("lookup loads")
            return True

    class NotedSource(Patient):
        async def connect(self):
            await super().connect()
            order.append("source connects")

        async def close(self):
            order.append("source closes")

    class NotedSink(CollectSink):
        async def on_start(self):
            order.append("sink starts")

        async def on_stop(self):
            order.append(f"sink stops with {self.durable} durable")

    def prepare(app):
        app.pump_service.add_connection(Noted(app, "C"))
        app.pump_service.add_lookup(NotedLookup(app, "L"))

    run(("P", events(range(5), cls=NotedSource), collect(cls=NotedSink)), prepare=prepare)
    assert order == [
        "connection starts", "lookup loads", "sink starts", "source connects", "source closes", "sink stops with 5 durable",
        "connection stops",
    ]  # fmt: skip


def test_a_finite_input_ends_the_application_with_0():
    assert run(("P", events(range(5)), NullSink)).ExitCode == 0


def test_all_finite_inputs_must_have_ended():
    one, two = [], []
    app = run(("P", events(range(500), 1), collect(one)), ("Q", events(range(5)), collect(two)))
    assert (len(one), len(two)) == (500, 5)
    assert app.ExitCode == 0


def test_a_finite_pump_that_halts_ends_with_1(caplog):
    app = run(("P", events(range(5), cls=ListSource), step(Failing(3)), NullSink))
    assert app.ExitCode == 1
    assert caplog.messages[-1].endswith("what failed will be read again")


def test_a_finite_pump_that_halts_lets_the_others_end_first():
    out = []
    app = run(
        ("P", events(range(5), cls=ListSource), step(Failing(3)), NullSink),
        ("Q", events(range(1000), 1, ListSource), collect(out)),
    )
    assert len(out) == 1000
    assert app.ExitCode == 1


@pytest.mark.parametrize("count", [5, 3000])
def test_a_finite_pump_ends_with_1_when_a_pipeline_that_it_feeds_halts(count):
    app = run(
        ("P", events(range(count), cls=ListSource), lambda app, p: InternalSink(app, p, config={"target": "Q"})),
        ("Q", lambda app, p: InternalSource(app, p, config={"queue_max_size": 10}), step(Failing(3)), NullSink),
    )
    assert app.pump_service.Pipelines["Q"].is_error()
    assert app.ExitCode == 1


def test_a_pump_that_waits_for_people_stays_when_it_halts():
    async def during(app):
        await until(app.pump_service.Pipelines["P"].is_error)
        for _ in range(100):
            await asyncio.sleep(0)
        app.stop()

    app = run(("P", events(range(5)), step(Failing(3)), NullSink), during=during)
    assert app.ExitCode == 1


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda app: app.pump_service.add_pipeline(Pipeline(app, "P")), "pipeline P has no source"),
        (lambda app: add(app, "P", events([]), NullSink, config={"on_error": "dorp"}), "did you mean 'drop'"),
    ],
)
def test_a_pump_that_cannot_be_started_says_why_and_ends_with_2(build, told, caplog):
    app = run_pump(build)
    assert app.ExitCode == 2
    assert told in caplog.text


def test_a_connection_that_cannot_be_opened_ends_with_2():
    class Refused(Connection):
        async def on_start(self):
            raise BSPumpError("the licence is over")

    app = run(("P", events([]), NullSink), prepare=lambda app: app.pump_service.add_connection(Refused(app, "C")))
    assert app.ExitCode == 2


def test_a_defect_at_the_start_ends_with_1():
    class Broken(NullSink):
        async def on_start(self):
            raise KeyError("a defect")

    assert run(("P", events([]), Broken)).ExitCode == 1


def test_a_store_that_cannot_be_opened_ends_with_2(tmp_path):
    (tmp_path / "file").write_text("")
    assert run(("P", events([]), NullSink), store=str(tmp_path / "file" / "store.db")).ExitCode == 2


def test_run_once_ends_the_application_whatever_else_runs():
    out = []

    def source(app, pipeline):
        return IteratorSource(app, pipeline, [1, 2, 3]).on(RunOnceTrigger(app))

    app = run(("P", source, collect(out)), ("Q", events([], cls=Endless), NullSink))
    assert out == [1, 2, 3]
    assert app.ExitCode == 0


def test_a_part_that_fails_to_stop_does_not_keep_the_others_open(caplog):
    stopped = []

    class Broken(CollectSink):
        async def on_stop(self):
            raise KeyError("a defect")

    class Fine(CollectSink):
        async def on_stop(self):
            stopped.append(True)

    app = run(("P", events([1]), collect(cls=Broken)), ("Q", events([1]), collect(cls=Fine)))
    assert stopped == [True]
    assert "P.Broken failed to stop" in caplog.text
    assert app.ExitCode == 0


def test_a_second_signal_forces_the_stop():
    class Stuck(CollectSink):
        async def flush(self):
            await asyncio.Event().wait()

    sinks, app_of = [], []

    def stuck(app, pipeline):
        sinks.append(Stuck(app, pipeline))
        return sinks[0]

    def on_exit(_message):
        app_of[0].stop()

    def prepare(app):
        app_of.append(app)
        app.PubSub.subscribe("Application.exit!", on_exit)

    async def during(app):
        await until(lambda: sinks[0].events)
        app.stop()

    app = run(
        ("P", events(range(5), cls=Endless), stuck),
        prepare=prepare,
        during=during,
        config={"bspump": {"stop_timeout": "60"}},
    )
    assert app.ExitCode == 1


def test_a_stop_at_the_very_end_is_no_second_signal():
    """The input ends while somebody stops the pump."""

    class Stops(CollectSink):
        async def flush(self):
            if self.Pipeline.Sources[0].finished and not stopped:
                stopped.append(True)
                self.App.stop()
            await super().flush()

    stopped = []
    app = run(("P", events(range(5)), collect(cls=Stops)))
    assert stopped == [True]
    assert app.ExitCode == 0


def test_sigusr1_clears_the_errors_of_all_pipelines():
    out = []

    async def during(app):
        pipelines = app.pump_service.Pipelines.values()
        await until(lambda: all(pipeline.is_error() for pipeline in pipelines))
        os.kill(os.getpid(), signal.SIGUSR1)

    run(
        ("P", events(range(5)), step(Failing(3, times=1)), collect(out)),
        ("Q", events(range(5)), step(Failing(2, times=1)), collect(out)),
        during=during,
    )  # fmt: skip
    assert sorted(out) == sorted([*range(5), *range(5)])


def test_a_pipeline_added_while_the_application_runs_starts_at_once():
    out = []

    async def during(app):
        await until(lambda: app.pump_service.Pipelines["P"].is_ready())
        add(app, "Later", events(range(5), cls=Endless), collect(out))
        await until(lambda: len(out) == 5)
        app.stop()

    run(("P", events([], cls=Endless), NullSink), during=during)
    assert out == list(range(5))


# runs that follow one another


def test_a_run_goes_on_behind_the_last(path):
    out = []
    run(("P", events(range(5), id="S"), collect(out)), store=path)
    run(("P", events(range(8), id="S"), collect(out)), store=path)
    assert out == list(range(8))


def again(path, out, **flags):
    def prepare(app):
        for name, value in flags.items():
            setattr(app.pump_service, name, value)

    return run(("P", events(range(5), id="S"), collect(out)), store=path, prepare=prepare)


def test_from_start_forgets_positions(path):
    out = []
    again(path, out)
    again(path, out, from_start=True)
    assert out == [*range(5), *range(5)]


def test_rerun_starts_over_only_after_a_run_that_ended(path):
    out = []

    async def during(app):
        await until(lambda: len(out) == 5)
        app.stop()

    run(("P", events(range(5), cls=Endless, id="S"), collect(out)), store=path, during=during)
    again(path, out, rerun=True)
    assert out == list(range(5)), "the first run was stopped, so it is gone on with"
    again(path, out, rerun=True)
    assert out == [*range(5), *range(5)]
    again(path, out)
    assert len(out) == 10


def test_a_snapshot_without_its_part_is_told(path, caplog):
    class Stateful(CollectSink):
        def snapshot(self):
            return 1

    run(("P", events([1]), collect(cls=Stateful)), store=path)
    run(("P", events([1]), collect()), store=path)
    assert "the store has a snapshot of P.Stateful, which is not in the pipeline any more" in caplog.text


# dead letters


QUICKLY = {"bspump": {"replay_interval": "0.01"}}


def replayed(path, failing, out, expected):
    async def during(app):
        await until(lambda: len(out) >= expected)
        app.stop()

    return run(
        ("P", events([], cls=Endless), step(lambda e: e, id="A"), step(failing, id="B"), collect(out),
         {"on_error": "dead_letter"}),
        during=during, store=path, config=QUICKLY,
    )  # fmt: skip


def test_a_dead_letter_is_replayed_from_the_processor_that_refused_it(path):
    out, failing = [], Failing(3, 4, times=1)
    run(
        (
            "P",
            events(range(6)),
            step(lambda e: e, id="A"),
            step(failing, id="B"),
            collect(out),
            {"on_error": "dead_letter"},
        ),
        store=path,
    )
    assert out == [0, 1, 2, 5]
    store = Store(path)
    assert store.request_replay([1, 2]) == 2
    store.close()
    replayed(path, failing, out, 6)
    assert out == [0, 1, 2, 5, 3, 4]
    store = Store(path)
    assert store.dead_letters() == []
    store.close()


def test_a_replay_that_fails_again_is_a_dead_letter_again_with_one_more_attempt(path):
    failing = Failing(3)
    run(
        (
            "P",
            events(range(6)),
            step(lambda e: e, id="A"),
            step(failing, id="B"),
            collect([]),
            {"on_error": "dead_letter"},
        ),
        store=path,
    )
    store = Store(path)
    store.request_replay([1])
    store.close()

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.counters.dead_letters == 1)
        app.stop()

    run(
        ("P", events([], cls=Endless), step(lambda e: e, id="A"), step(failing, id="B"), collect([]),
         {"on_error": "dead_letter"}),
        during=during, store=path, config=QUICKLY,
    )  # fmt: skip
    store = Store(path)
    [letter] = store.dead_letters()
    assert (letter.event, letter.attempts, letter.state) == (3, 2, "dead")
    store.close()


def test_a_dead_letter_of_a_pipeline_that_is_gone_is_told_and_kept(path, caplog):
    run(("P", events([1]), step(Failing(1), id="B"), collect([]), {"on_error": "dead_letter"}), store=path)
    store = Store(path)
    store.request_replay([1])
    store.close()

    async def during(app):
        await until(lambda: "cannot be replayed: there is no P.B" in caplog.text)
        app.stop()

    run(("Q", events([], cls=Endless), NullSink), during=during, store=path, config=QUICKLY)
    store = Store(path)
    assert len(store.dead_letters()) == 1
    store.close()


def test_a_source_without_main_says_so(caplog):
    async def during(app):
        await until(lambda: "Source defines no main()" in caplog.text)
        app.stop()

    with caplog.at_level(logging.WARNING):
        run(("P", Source, NullSink), during=during)


def test_a_stop_that_comes_before_it_runs_is_not_forgotten(path):
    read = []

    def build(app):
        add(app, "P", events(range(10), cls=Endless), collect(read))
        os.kill(os.getpid(), signal.SIGTERM)  # taken when the loop turns for the first time

    run_pump(build, store=path)

    assert read == []
