"""Sources that fail are started again, with backoff; sources that return have finished."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .abc import Backoff, Source
from .errors import BSPumpError, ConfigError

if TYPE_CHECKING:
    from .pipeline import Pipeline


async def supervise(pipeline: Pipeline, source: Source) -> None:
    """Run `source.main()` until it returns or is cancelled.

    A `ConfigError` halts the pipeline, since trying again cannot help. Any other error is logged once, shown in the
    pipeline's state, and followed by a new start.
    """
    backoff = Backoff(source.options.reconnect_delay, source.options.reconnect_delay_max)
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await source.main()
        except ConfigError as error:
            pipeline.set_error(None, None, error)
            return
        except (
            Exception
        ) as error:  # any defect of a source: it must come up again, and people must see why it went down
            if loop.time() - began > source.options.reconnect_delay_max:
                backoff.reset()
            wait = backoff.next()
            if pipeline.report_unavailable(source, error):
                pipeline.L.warning(
                    "%s failed: %s; starting again in %.1f s", source.locate_address(),
                    error if isinstance(error, BSPumpError | OSError) else repr(error), wait,
                    exc_info=None if isinstance(error, BSPumpError | OSError) else error,
                )  # fmt: skip
            await asyncio.sleep(wait)
            continue
        pipeline.report_available(source)
        source.finished = True
        pipeline.committer.source_finished()
        return
