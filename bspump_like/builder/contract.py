"""Components of BSPump that are not here under their names, with what to use instead: so they are no riddle in old definitions.

A name that some component has counts as that component; what stands here is looked at only when nothing else is found.
"""

from __future__ import annotations

_LOOKUP_PROVIDER = "a lookup loads itself: give FileLookup a 'path'"
_SLACK = "a Slack webhook takes HTTP: a sink of your own posts to it, see docs/how-to/own-processor.md"
_DRIVE = "write with FileBlockSink, and let a tool such as rclone copy the files"
_PERSISTENT = "every matrix lives on over a restart: leave 'Persistent' away"
_NO_STATE_FILE = "the store holds it: leave it out"

INSTEAD = {
    "AsyncSink": "any sink may wait: collect in process(), write in 'async def flush()'",
    "UnitTestSource": "use ListSource of bspump_like.testing",
    "UnitTestSink": "use CollectSink of bspump_like.testing",
    "UnitTestPipeline": "test the pipeline itself with bspump_like.testing",
    "FileBatchLookupProvider": _LOOKUP_PROVIDER,
    "HTTPBatchLookupProvider": _LOOKUP_PROVIDER,
    "ZooKeeperBatchLookupProvider": _LOOKUP_PROVIDER,
    "GoogleDriveABCSink": _DRIVE,
    "GoogleDriveBlockSink": _DRIVE,
    "GoogleDriveConnection": _DRIVE,
    "SlackConnection": _SLACK,
    "SlackAbcSink": _SLACK,
    "SlackTextSink": _SLACK,
    "SlackMessageSink": _SLACK,
    "WinRMSource": "let Winlogbeat or Vector send the events of Windows to Kafka, and read them with KafkaSource",
    "WindowsSuppressFilter": "use FilterProcessor",
    "ODBCConnection": "use the connection of the database itself; for SQLite SQLiteSource and SQLiteSink need none",
    "ODBCSource": "use the source of the database itself, such as SQLiteSource",
    "ODBCSink": "use the sink of the database itself, such as SQLiteSink",
    "PersistentMatrix": _PERSISTENT,
    "PersistentNamedMatrix": _PERSISTENT,
    "PersistentGeoMatrix": _PERSISTENT,
    "PersistentSessionMatrix": _PERSISTENT,
    "PersistentTimeWindowMatrix": _PERSISTENT,
    "PersistentIndex": _NO_STATE_FILE,
    "AttributeFilter": "use SelectProcessor for a fixed list of fields",
    "ContentFilter": "use FilterProcessor, or a step with 'when'",
    "TimeDriftFilter": "use FilterProcessor with a condition on the time",
    "RandomDrop": "use FilterProcessor",
    "DeclarativeProcessor": "use DeriveProcessor to compute fields, FilterProcessor or a step with 'when' for conditions",
    "DeclarativeGenerator": "use DeriveProcessor to compute fields, FilterProcessor or a step with 'when' for conditions",
    "DeclarativeTimeWindowAnalyzer": "use GroupByAggregator",
    "TimeSeriesPredictor": "write it as a processor of your own, see docs/how-to/own-processor.md",
    "IPGeoLookup": "load the ranges with FileLookup, and look up in a processor of your own",
    "MatrixLookup": "read the matrix in a processor of your own: locate_matrix()",
}
"""Class of BSPump -> what does its work here."""
