"""Mistakes around servers, lookups and matrices: connections, options that contradict one another, types of arguments.

Side by side: what somebody wrote, and every word that is said about it.
"""

from __future__ import annotations

import pytest

from .conftest import Mistakes
from .mistake import HEAD, SINK, Mistake

KAFKA = "connections:\n- {id: K, class: KafkaConnection}\n"
SEARCH = "connections:\n- {id: ES, class: ElasticSearchConnection}\n"
FILE = "lookups:\n- {id: A, class: FileLookup, config: {path: a.csv, key: faa}}\n"


def reads(source: str) -> str:
    return f"pipelines:\n- id: P\n  source: {source}\n" + SINK


def influx(**config: str) -> str:
    written = ", ".join(f"{name}: {value}" for name, value in config.items())
    return f"connections:\n- {{id: I, class: InfluxDBConnection, config: {{{written}}}}}\n" + HEAD + SINK


def part(text: str) -> str:
    return HEAD + f"  processors:\n  - {text}\n" + SINK


def matrix(text: str) -> str:
    return f"matrices:\n- {{id: M, class: {text}}}\n" + HEAD + SINK


def updated(cells: str) -> str:
    updater = f"{{class: MatrixUpdater, config: {{matrix: M, row: a, cells: {cells}}}}}"
    return "matrices:\n- {id: M, class: NamedMatrix}\n" + part(updater)


MISTAKES = [
    Mistake(
        "an id of documents made with a lookup that is not there",
        SEARCH + HEAD + "  sink: {class: ElasticSearchSink, args: {connection: ES}, "
        "config: {document_id: \"{{ lookup('Q', a) }}\"}}\n",
        "pump.yaml:6: there is no lookup 'Q' (the pump has no lookups)",
    ),
    Mistake(
        "an id of documents that is misspelt",
        SEARCH + HEAD + "  sink: {class: ElasticSearchSink, args: {connection: ES}, config: {document_id: positon}}\n",
        "pump.yaml:6: pipeline P, ElasticSearchSink: option 'document_id' has 'positon'; use position, field:NAME, "
        "or a template",
    ),
    Mistake(
        "brokers as a URL",
        'connections:\n- {id: K, class: KafkaConnection, config: {bootstrap_servers: "kafka://a:9092"}}\n'
        + HEAD
        + SINK,
        "pump.yaml:2: connection K: option 'bootstrap_servers' has 'kafka://a:9092': 'kafka://a:9092' is a URL: expected "
        "HOST:PORT, 'a:9092' (brokers to begin with, HOST:PORT, several separated by commas)",
    ),
    Mistake(
        "a user without a way to authenticate",
        "connections:\n- {id: K, class: KafkaConnection, config: {sasl_username: u}}\n" + HEAD + SINK,
        "pump.yaml:2: connection K: sasl_username is set, and nothing says how to authenticate "
        "(set sasl_mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512)",
    ),
    Mistake(
        "a way to authenticate without a user",
        "connections:\n- {id: K, class: KafkaConnection, config: {sasl_mechanism: PLAIN}}\n" + HEAD + SINK,
        "pump.yaml:2: connection K: sasl_mechanism PLAIN needs a user (set sasl_username and sasl_password)",
    ),
    Mistake(
        "a pattern of topics that does not say so",
        KAFKA + reads("{class: KafkaSource, args: {connection: K}, config: {topic: access-*}}"),
        "pump.yaml:5: pipeline P, KafkaSource: option 'topic' has 'access-*': 'access-*' cannot be a topic: use up to 249 "
        "letters, digits, '.', '_' and '-' (topics, separated by commas or blanks; TOPIC:PARTITION for one partition; "
        "^PATTERN for all topics that match)",
    ),
    Mistake(
        "no topic",
        KAFKA + reads("{class: KafkaSource, args: {connection: K}}"),
        "pump.yaml:5: pipeline P, KafkaSource: option 'topic' must be set (topics, separated by commas or blanks; "
        "TOPIC:PARTITION for one partition; ^PATTERN for all topics that match)",
    ),
    Mistake(
        "a topic that cannot be made",
        KAFKA + HEAD + "  sink: {class: KafkaSink, args: {connection: K}, config: {topic: a/b}}\n",
        "pump.yaml:6: P.KafkaSink: option 'topic': 'a/b' cannot be a topic: use up to 249 letters, digits, '.', '_' and '-'",
    ),
    Mistake(
        "a connection among the options",
        KAFKA + reads("{class: KafkaSource, config: {topic: t, connection: K}}"),
        'pump.yaml:5: \'connection\' is an argument of KafkaSource, and no option ("args": {"connection": ...})',
    ),
    Mistake(
        "a connection beside the arguments",
        KAFKA + reads("{class: KafkaSource, connection: K, config: {topic: t}}"),
        'pump.yaml:5: unknown key \'connection\' in a source (it belongs into "args": {"connection": ...})',
    ),
    Mistake(
        "a connection of another kind",
        SEARCH + reads("{class: KafkaSource, args: {connection: ES}, config: {topic: t}}"),
        "pump.yaml:5: the connection 'ES' is of the class ElasticSearchConnection, and KafkaSource needs one of "
        "KafkaConnection (define one under 'connections': {class: KafkaConnection})",
    ),
    Mistake(
        "a connection of another kind, and one that fits",
        KAFKA + "- {id: R, class: SchemaRegistryConnection}\n" + part("{class: SchemaDecoder, args: {connection: K}}"),
        "pump.yaml:8: the connection 'K' is of the class KafkaConnection, and SchemaDecoder needs one of "
        "SchemaRegistryConnection (known: R)",
    ),
    Mistake(
        "a lookup with a connection of another kind",
        KAFKA
        + "lookups:\n- {id: L, class: ElasticSearchLookup, args: {connection: K}, config: {index: i}}\n"
        + HEAD
        + SINK,
        "pump.yaml:4: the connection 'K' is of the class KafkaConnection, and ElasticSearchLookup needs one of "
        "ElasticSearchConnection (define one under 'connections': {class: ElasticSearchConnection})",
    ),
    Mistake(
        "one wrong option, and others that are right",
        "lookups:\n- {id: A, class: FileLookup, config: {path: a.csv, key: faa, reload_period: often}}\n" + HEAD + SINK,
        "pump.yaml:2: lookup A: option 'reload_period' has 'often': expected a number (seconds between two looks whether the "
        "table has changed; 0: never. For a master; a slave has `master_period`)",
    ),
    Mistake(
        "an option that must be set, misspelt",
        KAFKA + reads("{class: KafkaSource, args: {connection: K}, config: {topics: t}}"),
        "pump.yaml:5: pipeline P, KafkaSource: unknown option 'topics' (did you mean 'topic'?)",
    ),
    Mistake(
        "a scroll for a time of no such unit",
        SEARCH
        + reads("{class: ElasticSearchSource, args: {connection: ES}, config: {index: i, scroll_timeout: 1 minute}}"),
        "pump.yaml:5: pipeline P, ElasticSearchSource: option 'scroll_timeout' has '1 minute': expected a time such as 1m, 30s "
        "or 500ms (how long the cluster keeps a scroll or a point in time between two pages)",
    ),
    Mistake(
        "InfluxDB: a URL without a scheme",
        influx(url="localhost:8086"),
        "pump.yaml:2: connection I: option 'url' has 'localhost:8086': expected a URL such as http://localhost:8086/ (URL of "
        "the server)",
    ),
    Mistake(
        "InfluxDB: a URL with the database in it",
        influx(url="http://localhost:8086/write?db=flights"),
        "pump.yaml:2: connection I: option 'url' has 'http://localhost:8086/write?db=flights': expected the URL of the server "
        "alone: what is written to stands in 'db', or in 'bucket' and 'org' (URL of the server)",
    ),
    Mistake(
        "InfluxDB: the database by another name",
        influx(database="flights"),
        "pump.yaml:2: connection I: unknown option 'database' (it is called 'db' here)",
    ),
    Mistake(
        "InfluxDB: both interfaces",
        influx(db="flights", bucket="flights", org="me", token="secret"),
        "pump.yaml:2: connection I: either 'db' (1.x) or 'bucket' (2.x) may be set, and not both",
    ),
    Mistake(
        "InfluxDB: an organization without a bucket",
        influx(org="me", token="secret"),
        "pump.yaml:2: connection I: 'org' is set and 'bucket' is not: both name where points go in 2.x",
    ),
    Mistake(
        "InfluxDB: a password of nobody",
        influx(db="flights", password="secret"),
        "pump.yaml:2: connection I: 'password' is set and 'username' is not",
    ),
    Mistake(
        "a master without a scheme",
        "lookups:\n- {id: A, class: FileLookup, config: {master_url: 'other:8080'}}\n" + HEAD + SINK,
        "pump.yaml:2: lookup A: option 'master_url' has 'other:8080': expected a URL that begins with http:// or https:// (URL "
        "of the pump that holds the master copy; empty: this is the master)",
    ),
    Mistake(
        "a default that does not count",
        FILE + part("{class: LookupEnricher, config: {lookup: A, key: a, target: b, default: none}}"),
        "pump.yaml:7: pipeline P, LookupEnricher: 'default' has 'none', which counts only with 'missing: default'",
    ),
    Mistake(
        "a lookup of a matrix that is not there",
        "lookups:\n- {id: A, class: MatrixLookup, args: {matrix_id: Delay}}\nmatrices:\n- {id: Delays, class: NamedMatrix}\n"
        + HEAD
        + SINK,
        "pump.yaml:2: Cannot find matrix id 'Delay' (did you mean 'Delays'?)",
    ),
    Mistake(
        "cells with fields, of a matrix without",
        updated("{flights: count, delay: {sum: dep_delay}}"),
        "pump.yaml:7: the cells of the matrix have no fields, and 'flights', 'delay' is named (write count, or {sum: FIELD}; or "
        "give the matrix a dtype with fields: {flights: f8, delay: f8})",
    ),
    Mistake(
        "a figure that is misspelt",
        updated("{summ: delay}"),
        "pump.yaml:7: the cells of the matrix have no fields, and 'summ' is named (did you mean 'sum'?)",
    ),
    Mistake(
        "columns that are no number",
        matrix("TimeWindowMatrix, args: {columns: many}"),
        "pump.yaml:2: matrix M: columns is 'many', expected a whole number above 0",
    ),
    Mistake(
        "a resolution with a unit",
        matrix("TimeWindowMatrix, args: {resolution: 1h}"),
        "pump.yaml:2: matrix M: resolution is '1h', expected a number of seconds above 0",
    ),
    Mistake(
        "a resolution of a map with a unit",
        matrix("GeoMatrix, args: {resolution: 5km}"),
        "pump.yaml:2: matrix M: resolution '5km' is no number of km above 0",
    ),
    Mistake(
        "corners in a list",
        matrix("GeoMatrix, args: {bbox: [50, 48, 12, 18]}"),
        "pump.yaml:2: matrix M: bbox has [50, 48, 12, 18], expected keys with degrees (max_lat, min_lat, min_lon, max_lon)",
    ),
    Mistake(
        "a corner that is no number",
        matrix("GeoMatrix, args: {bbox: {max_lat: north}}"),
        "pump.yaml:2: matrix M: bbox has 'north' for 'max_lat', expected degrees",
    ),
    Mistake(
        "options of a trigger",
        reads("{class: FileLineSource, config: {path: x}, trigger: {class: PeriodicTrigger, config: {interval: 5}}}"),
        "pump.yaml:3: unknown key 'config' in a trigger (what it takes belongs into 'args')",
    ),
    Mistake(
        "an encoding that is none",
        reads("{class: FileLineSource, config: {path: x, encoding: utf9}}"),
        "pump.yaml:3: pipeline P, FileLineSource: option 'encoding' has 'utf9': there is no such text encoding (encoding of "
        "text; empty: UTF-8)",
    ),
    Mistake(
        "two characters where there may be one",
        reads("{class: FileCSVSource, config: {path: x, delimiter: ';;'}}"),
        "pump.yaml:3: pipeline P, FileCSVSource: option 'delimiter' has ';;': expected one character, or tab (character between "
        "fields; tab for a tabulator)",
    ),
    Mistake(
        "a pattern that is none",
        part("{class: PatternParserProcessor, config: {pattern: '(a'}}"),
        "pump.yaml:5: pipeline P, PatternParserProcessor: option 'pattern' has '(a': '(a' is no pattern: missing ), "
        "unterminated subpattern at position 0 (regular expression with named groups, or several: the first that matches counts)",
    ),
    Mistake(
        "options that exclude each other",
        part("{class: Aggregator, config: {completion_timeout: 5, completion_interval: 5}}"),
        "pump.yaml:5: pipeline P, Aggregator: 'completion_timeout' and 'completion_interval' exclude each other (set one of "
        "them to 0)",
    ),
    Mistake(
        "a tee that is not there",
        part("{class: TeeProcessor, id: T}")
        + "- {id: Q, source: {class: TeeSource, config: {tee: P.Tee}}, sink: {class: NullSink}}\n",
        "pump.yaml:7: there is no TeeProcessor at 'P.Tee' (did you mean 'P.T'?)",
    ),
    Mistake(
        "an input that holds no events",
        reads("{class: IteratorSource, args: {iterator: 5}}"),
        "pump.yaml:3: pipeline P, IteratorSource: 'iterator' is 5, and must be a list of events",
    ),
    Mistake(
        "a class that is nearest to one that cannot be used",
        "lookups:\n- {id: A, class: CSVLookup}\n" + HEAD + SINK,
        "pump.yaml:2: unknown class 'CSVLookup' (a class of your own needs 'module', too)",
    ),
    Mistake(
        "lookups in declarations",
        FILE
        + HEAD
        + """  processors:
  - class: DeclarativeProcessor
    config:
      declaration: "!LOOKUP.GET {in: Airports, what: !ITEM EVENT a}"
  - class: DeclarativeGenerator
    config:
      declaration: "!FOR {each: !ITEM EVENT list, do: !LOOKUP.CONTAINS {in: B, what: !ARG ''}}"
  - class: DeclarativeProcessor
    config:
      declaration: "!LOOKUP.GET {in: A, what: !ITEM EVENT a}"
"""
        + SINK,
        "pump.yaml:9: there is no lookup 'Airports' (known: A)",
        "pump.yaml:12: there is no lookup 'B' (known: A)",
    ),
    Mistake(
        "an argument that is misspelt",
        KAFKA + reads("{class: KafkaSource, args: {conection: K}, config: {topic: t}}"),
        "pump.yaml:5: KafkaSource takes no argument 'conection' (did you mean 'connection'?)",
    ),
    Mistake(
        "an argument without a value",
        KAFKA + reads("{class: KafkaSource, args: {connection: }, config: {topic: t}}"),
        "pump.yaml:5: 'connection' must be text, the id of a connection",
    ),
    Mistake(
        "a class in lower case",
        HEAD + "  sink: {class: nullsink}\n",
        "pump.yaml:4: unknown class 'nullsink' (did you mean 'NullSink'?)",
    ),
    Mistake(
        "a source of another pipeline that is misspelt",
        HEAD + "  sink: {class: InternalSink, config: {target: Q.*Internal}}\n"
        "- {id: Q, source: {class: InternalSource}, sink: {class: NullSink}}\n",
        "pump.yaml:4: there is no source to send to at 'Q.*Internal' (did you mean 'Q.*InternalSource'?)",
    ),
    Mistake(
        "a connection whose URL is not known, and who uses it",
        "connections:\n- {id: ES, class: ElasticSearchConnection, config: {url: '${SEARCH_URL}'}}\n"
        + HEAD
        + "  sink: {class: ElasticSearchSink, args: {connection: ES}}\n",
        "pump.yaml:2: the environment variable SEARCH_URL is not set (set it, give a default as ${SEARCH_URL:default}, or write "
        "$${SEARCH_URL} for the text itself)",
    ),
    Mistake(
        "Elasticsearch: nodes by another name",
        SEARCH.replace("Connection}", "Connection, config: {hosts: [a, b]}}") + HEAD + SINK,
        "pump.yaml:2: connection ES: unknown option 'hosts' (the nodes stand in 'url')",
    ),
    Mistake(
        "Elasticsearch: two ways to say who one is",
        SEARCH.replace("Connection}", "Connection, config: {username: u, password: p, api_key: k}}") + HEAD + SINK,
        "pump.yaml:2: connection ES: either 'api_key' or 'username' may be set, and not both",
    ),
    Mistake(
        "Elasticsearch: a password of nobody",
        SEARCH.replace("Connection}", "Connection, config: {password: p}}") + HEAD + SINK,
        "pump.yaml:2: connection ES: 'password' is set and 'username' is not",
    ),
    Mistake(
        "Elasticsearch: a query beside the search",
        SEARCH
        + reads("{class: ElasticSearchSource, args: {connection: ES}, config: {index: i, query: {match_all: {}}}}"),
        "pump.yaml:5: pipeline P, ElasticSearchSource: unknown option 'query' (it stands in 'request_body': {query: ...})",
    ),
    Mistake(
        "a strategy that takes an object",
        part("{class: Aggregator, args: {aggregation_strategy: events}}"),
        "pump.yaml:5: 'aggregation_strategy' is 'events', and takes an object, in Python (set 'strategy' in 'config')",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_mistake_is_said_with_file_line_and_remedy(mistakes: Mistakes, mistake: Mistake) -> None:
    assert mistakes(mistake.text) == list(mistake.said)
