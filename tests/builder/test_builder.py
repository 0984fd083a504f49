"""What a sound definition becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bspump_like import ConfigError, Pipeline
from bspump_like.application import BSPumpApplication
from bspump_like.builder import PumpBuilder, construct_pumps
from bspump_like.common import IteratorSource, JSONParserProcessor, NullSink
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from bspump_like.trigger import PeriodicTrigger

LIST = {"module": "bspump_like.testing", "class": "ListSource", "args": {"events": ["1", "2", "3"]}}
COLLECT = {"module": "bspump_like.testing", "class": "CollectSink"}


def pipeline(id: str = "P", **keys: Any) -> dict[str, Any]:
    return {"id": id, "source": LIST, "sink": COLLECT, **keys}


def test_a_definition_runs_to_its_end() -> None:
    definition = {"pipelines": [pipeline(processors=[{"class": "JSONParserProcessor"}])]}

    app = run_pump(lambda app: PumpBuilder(definition).construct_pump(app, app.pump_service))

    sink = app.pump_service.Pipelines["P"].locate_processor("CollectSink")
    assert isinstance(sink, CollectSink)
    assert sink.events == [1, 2, 3]


def built(app: BSPumpApplication, *definitions: Any, **arguments: Any) -> Pipeline:
    construct_pumps([PumpBuilder(one, **arguments) for one in definitions], app, app.pump_service)
    return next(iter(app.pump_service.Pipelines.values()))


def test_an_empty_id_means_the_class_name() -> None:
    with fresh_application() as app:
        one = built(app, {"pipelines": [pipeline(source={**LIST, "id": ""}, sink={**COLLECT, "id": None})]})

        assert [source.Id for source in one.Sources] == ["ListSource"]
        assert one.locate_processor("CollectSink") is not None


def test_source_and_sources_and_a_sink_among_the_processors_are_understood() -> None:
    definition = {
        "pipelines": [
            {
                "id": "P",
                "sources": [LIST, {**LIST, "id": "Second"}],
                "processors": [{"class": "JSONParserProcessor"}, COLLECT],
            }
        ]
    }
    with fresh_application() as app:
        one = built(app, definition)

        assert [type(source) for source in one.Sources] == [ListSource, ListSource]
        assert [type(processor) for processor in one.iter_processors()] == [JSONParserProcessor, CollectSink]


def test_config_and_null_sections_reach_the_parts() -> None:
    definition = pipeline(
        config={"on_error": "drop", "max_in_flight": 5},
        args=None,
        processors=[{"class": "JSONParserProcessor", "config": {"concurrency": 7}, "args": None}],
        sink={"class": "NullSink", "config": None},
    )
    with fresh_application() as app:
        one = built(app, {"pipelines": [definition]})

        assert one.options.on_error == "drop"
        assert one.options.max_in_flight == 5
        assert next(one.iter_processors()).options.concurrency == 7


def test_a_trigger_is_put_on_its_source() -> None:
    trigger = {"module": "bspump.trigger", "class": "PeriodicTrigger", "id": "", "args": {"interval": 5}}
    source = {"class": "IteratorSource", "args": {"iterator": [1]}, "trigger": trigger}
    with fresh_application() as app:
        one = built(app, {"pipelines": [pipeline(source=source)]})

        (found,) = one.Sources
        assert isinstance(found, IteratorSource)
        assert [type(one) for one in found.Triggers] == [PeriodicTrigger]


def test_mistakes_in_a_trigger_are_said_at_their_place() -> None:
    source = {
        "class": "IteratorSource",
        "args": {"iterator": [1]},
        "trigger": {"class": "PeriodicTrigger", "args": {"intervall": 5}},
    }
    with fresh_application() as app, pytest.raises(ConfigError) as caught:
        built(app, {"pipelines": [pipeline(source=source)]})

    assert ("pipelines", 0, "source", "trigger", "args", "intervall") in [
        problem.path for problem in caught.value.problems
    ]


def test_a_file_section_configures_and_the_definition_wins() -> None:
    sections = {
        "pipeline:P:JSONParserProcessor": {"concurrency": "3"},
        "pipeline:P": {"max_in_flight": "9", "on_error": "drop"},
    }
    definition = pipeline(processors=[{"class": "JSONParserProcessor"}], config={"max_in_flight": 8})
    with fresh_application(sections) as app:
        one = built(app, {"pipelines": [definition]})

        assert next(one.iter_processors()).options.concurrency == 3
        assert (one.options.max_in_flight, one.options.on_error) == (8, "drop")


def test_an_error_route_leads_to_a_pipeline_that_comes_later() -> None:
    definition = {
        "pipelines": [
            pipeline("A", config={"on_error": {"route": "B"}}),
            {"id": "B", "source": {"class": "InternalSource"}, "sink": {"class": "NullSink"}},
        ]
    }
    with fresh_application() as app:
        built(app, definition)

        assert set(app.pump_service.Pipelines) == {"A", "B"}


def test_definitions_see_the_connections_of_one_another_whatever_their_order(tmp_path: Path) -> None:
    uses = {"pipelines": [pipeline(config={"on_error": {"route": "B"}})]}
    has = {"pipelines": [{"id": "B", "source": {"class": "InternalSource"}, "sink": {"class": "NullSink"}}]}
    with fresh_application() as app:
        built(app, uses, has)

        assert set(app.pump_service.Pipelines) == {"P", "B"}


def test_the_methods_of_the_contract_return_what_they_construct() -> None:
    definition = {"pipelines": [pipeline(processors=[{"class": "JSONParserProcessor"}])]}
    with fresh_application() as app:
        builder, svc = PumpBuilder(definition), app.pump_service
        tree = builder.Definition.tree["pipelines"][0]
        empty = Pipeline(app, "P")

        assert isinstance(builder.construct_sources(app, svc, empty, tree)[0], ListSource)
        assert isinstance(builder.construct_source(app, svc, empty, tree["source"]), ListSource)
        assert [type(p) for p in builder.construct_processors(app, svc, empty, tree)] == [
            JSONParserProcessor,
            CollectSink,
        ]
        assert isinstance(builder.construct_processor(app, svc, empty, {"class": "NullSink"}), NullSink)
        trigger = builder.construct_trigger(app, svc, {"class": "PeriodicTrigger", "args": {"interval": 1}})
        assert isinstance(trigger, PeriodicTrigger)
        assert builder.construct_pipeline(app, svc, tree) is svc.Pipelines["P"]


def test_called_one_by_one_they_raise_at_once() -> None:
    with fresh_application() as app:
        builder = PumpBuilder({"pipelines": [pipeline()]})

        with pytest.raises(ConfigError, match="unknown class 'Nul'"):
            builder.construct_processor(app, app.pump_service, Pipeline(app, "P"), {"class": "Nul"})


def test_the_worker_index_stands_in_options_from_the_definition_and_from_the_file() -> None:
    definition = pipeline(
        processors=[{"class": "JSONParserProcessor", "config": {"on_error": "route: Errors-{worker}"}}]
    )
    others = [
        {"id": f"Errors-{n}", "source": {"class": "InternalSource"}, "sink": {"class": "NullSink"}} for n in (0, 2)
    ]
    with fresh_application({"pipeline:P:CollectSink": {"on_error": "route: Errors-{worker}"}}) as app:
        one = built(app, {"pipelines": [{**definition, "source": {"class": "InternalSource"}}, *others]}, worker=(2, 3))

        assert [p.options.on_error for p in one.iter_processors()] == ["route: Errors-2", "route: Errors-2"]


def test_secrets_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter22")

    assert PumpBuilder({"pipelines": [], "description": "${TOKEN}"}).secrets == {"hunter22"}
