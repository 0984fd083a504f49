"""This project's pump as people run it: `pump run` with a definition of a source, a parser, a processor and a sink."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from .work import Job

_WORK = {"cpu": "Dissect"}
_SINKS = {
    "null": ("common", "NullSink", None, {}),
    "cpu": ("common", "NullSink", None, {}),
    "kafka": ("kafka", "KafkaSink", "Kafka", {"topic": "output"}),
    "elasticsearch": ("elasticsearch", "ElasticSearchSink", "Search", {"index": "output"}),
}


def definition(job: Job, sink: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the pump; options are the defaults but for the names.

    Args:
        job: What to do.
        sink: Further options of the sink.
    """
    module, cls, connection, config = _SINKS[job.path]
    options = {**dict.fromkeys(config, job.output), **(sink or {})}
    connections = {
        "Kafka": {"module": "bspump.kafka", "class": "KafkaConnection", "config": {"bootstrap_servers": job.kafka}},
        "Search": {"module": "bspump.elasticsearch", "class": "ElasticSearchConnection", "config": {"url": job.search}},
    }
    return {
        "connections": [{"id": name, **connections[name]} for name in dict.fromkeys(("Kafka", connection or "Kafka"))],
        "pipelines": [
            {
                "id": "P",
                "sources": [
                    {"id": "Input", "module": "bspump.kafka", "class": "KafkaSource", "args": {"connection": "Kafka"},
                     "config": {"topic": job.topic, "group_id": job.group}},
                ],
                "processors": [
                    {"id": "Parse", "module": "bspump.common", "class": "JSONParserProcessor"},
                    {"id": "Work", "module": "benchmarks.servers.parts", "class": _WORK.get(job.path, "Transform")},
                ],
                "sink": {"id": "Output", "module": f"bspump.{module}", "class": cls,
                         **({"args": {"connection": connection}} if connection else {}), "config": options},
            }
        ],
    }  # fmt: skip


def command(job: Job, sink: dict[str, Any] | None = None) -> list[str]:
    """Write the definition, return the command line that runs it."""
    path = pathlib.Path(job.folder) / "pump.json"
    path.write_text(json.dumps(definition(job, sink), indent=2), encoding="utf-8")
    pump = pathlib.Path(sys.executable).parent / "pump"
    run = [
        str(pump),
        "run",
        str(path),
        "--plain",
        "--allow",
        "benchmarks.servers.parts",
        "--store",
        f"{job.folder}/store.db",
    ]
    return run + (["--workers", str(job.workers)] if job.workers > 1 else [])
