"""The paths in Bento, the fork of Benthos under the MIT licence: built with Go from the module proxy, with these parts alone.

Its batches are small because that is what was found to be cheapest: its output for Elasticsearch copies the whole batch for each
message (`MessageBatch.TryInterpolatedString`), and batches of 1000 cost six times as much.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

from .work import Job

VERSION = "1.5.0"
PROGRAM = "bento"
BATCHING = {"count": 100, "period": "20ms"}
_MODULE = "github.com/warpstreamlabs/bento"
_COMPONENTS = ("elasticsearch", "io", "kafka", "pure")
FILES = {
    "go.mod": f"module bench\n\ngo 1.24\n\nrequire {_MODULE} v{VERSION}\n",
    "main.go": "\n".join(
        [
            "package main",
            "import (",
            '    "context"',
            *(f'    _ "{_MODULE}/public/components/{name}"' for name in _COMPONENTS),
            f'    "{_MODULE}/public/service"',
            ")",
            "func main() { service.RunCLI(context.Background()) }",
            "",
        ]
    ),
}
"""What its program is built of, by file name."""

_WORK = """\
root = this
root.class = this.status.slice(0, 1) + "xx"
root.status = this.status.number()
root.bytes = this.bytes.number()
root.micros = this.micros.number()
"""


def command(place: pathlib.Path, job: Job) -> list[str]:
    """Write the configuration, return the command line.

    Args:
        place: Where it is built.
        job: What to do.
    """
    kafka: dict[str, Any] = {"seed_brokers": [job.kafka]}
    outputs: dict[str, dict[str, Any]] = {
        "null": {"drop": {}},
        "kafka": {
            "kafka_franz": {
                **kafka, "topic": job.output, "max_in_flight": 64, "batching": BATCHING,
            }
        },
        "elasticsearch": {
            "elasticsearch": {
                "urls": [job.search], "index": job.output, "action": "create", "id": "${!uuid_v4()}", "sniff": False,
                "healthcheck": False, "max_in_flight": 16, "batching": BATCHING,
            }
        },
    }  # fmt: skip
    configuration = {
        "http": {"enabled": False},
        "logger": {"level": "WARN"},
        "input": {
            "kafka_franz": {
                **kafka, "topics": [job.topic], "consumer_group": job.group, "start_from_oldest": True,
                "commit_period": "1s", "batching": BATCHING,
            }
        },
        "pipeline": {"processors": [{"mapping": _WORK}]},
        "output": outputs[job.path],
    }  # fmt: skip
    path = pathlib.Path(job.folder) / "bento.json"
    path.write_text(json.dumps(configuration, indent=2), encoding="utf-8")
    return [str(place / PROGRAM), "-c", str(path)]
