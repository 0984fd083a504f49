"""Components of BSPump that are not here under their names, with what to use instead: so they are no riddle in old definitions.

A name that some component has counts as that component; what stands here is looked at only when nothing else is found.
"""

from __future__ import annotations

_LOOKUP_PROVIDER = "a lookup loads itself: give FileLookup a 'path'"
_SLACK = "a Slack webhook takes HTTP: a sink of your own posts to it, see docs/how-to/own-processor.md"
_DRIVE = "write with FileBlockSink, and let a tool such as rclone copy the files"
_OWN_SOURCE = "write it on ReaderSource, see docs/how-to/own-processor.md, or bring the events over Kafka or files"
_OWN = "write it as a processor of your own, see docs/how-to/own-processor.md"

_MODULES = {
    "amqp": ("AMQPConnection AMQPSink AMQPSource AMQPFullMessageSource", _OWN_SOURCE),
    "ftp": ("FTPConnection FTPSource", "let a tool such as rclone fetch the files, and read them with FileLineSource"),
    "googledrive": ("GoogleDriveABCSink GoogleDriveBlockSink GoogleDriveConnection", _DRIVE),
    "http": (
        "HTTPABCClientSource HTTPClientSource HTTPClientTextSource HTTPClientLineSource HTTPClientCSVSource "
        "HTTPClientWebSocketSink WebServiceSink WebServiceSource WebSocketSource",
        _OWN_SOURCE,
    ),
    "ipc": ("DatagramSource DatagramSink StreamClientSink StreamServerSource", _OWN_SOURCE),
    "ldap": ("LDAPConnection LDAPSource", _OWN_SOURCE),
    "mail": ("SmtpConnection SmtpSink", "a sink of your own sends with smtplib, see docs/how-to/own-processor.md"),
    "model": ("Model", _OWN),
    "mongodb": ("MongoDBConnection MongoDBSource MongoDBSink MongoDBLookup MongoDBChangeStreamSource", _OWN_SOURCE),
    "mysql": ("MySQLConnection MySQLSource MySQLSink MySQLLookup MySQLBinaryLogSource", _OWN_SOURCE),
    "odbc": ("ODBCConnection ODBCSource ODBCSink", "use the parts of the database itself; SQLite needs no connection"),
    "postgresql": (
        "PostgreSQLConnection PostgreSQLSource PostgreSQLSink PostgreSQLLookup PostgreSQLLogicalReplicationSource", _OWN_SOURCE,
    ),
    "slack": ("SlackConnection SlackAbcSink SlackTextSink SlackMessageSink", _SLACK),
    "ssh": ("SSHConnection SFTPSink", _DRIVE),
    "timeseries": ("TimeSeriesPredictor", _OWN),
    "winrm": (
        "WinRMSource WindowsSuppressFilter",
        "let Winlogbeat or Vector send the events of Windows to Kafka, and read them with KafkaSource",
    ),
    "zookeeper": ("ZooKeeperBatchLookupProvider", _LOOKUP_PROVIDER),
}  # fmt: skip

MODULES = {name: instead for name, (_, instead) in _MODULES.items()}
"""Module of BSPump without `bspump.` -> what does its work here."""

CLASSES = {
    **{cls: instead for classes, instead in _MODULES.values() for cls in classes.split()},
    "FileBatchLookupProvider": _LOOKUP_PROVIDER,
    "HTTPBatchLookupProvider": "a lookup loads itself: give FileLookup a 'source_url'",
    "MemcachedLookup": "load the table with FileLookup",
}
"""Class of BSPump -> what does its work here."""
