"""A pump that holds the master copies of lookups; the tests of slaves run it as a process of its own.

python -m tests.lookup.master_pump PORT TABLE.csv [TOKEN] [URL OF ITS OWN MASTER]
"""

from __future__ import annotations

import asyncio
import sys

import asab

from bspump_like import BSPumpApplication, Lookup, Pipeline, Source
from bspump_like.common import NullSink
from bspump_like.lookup import FileLookup


class Waiting(Source):
    """Has nothing to read, and never ends."""

    async def main(self):
        await asyncio.Event().wait()


class Unserved(Lookup):
    """Does not say how it is written out."""

    async def load(self):
        return True


def main(port, table, token="", master_url=""):
    sections = {"general": {"watchdog_threshold": "0"}, "store": {"path": ":memory:"}}
    asab.Config.read_dict({**sections, "web": {"listen": f"127.0.0.1 {port}", "token": token}})
    app = BSPumpApplication(args=[])
    config = {"path": table, "key": ["k"], "types": {"k": "int"}, "reload_period": "20ms"}
    app.pump_service.add_lookup(FileLookup(app, "Table", {**config, "master_url": master_url, "master_period": "20ms"}))
    app.pump_service.add_lookup(Unserved(app))
    pipeline = Pipeline(app, "P")
    pipeline.build(Waiting(app, pipeline), NullSink(app, pipeline))
    app.pump_service.add_pipeline(pipeline)
    return app.run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
