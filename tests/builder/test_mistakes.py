"""Mistakes in the parts of a pump: what people get wrong in one file.

Side by side: what somebody wrote, and every word that is said about it.
"""

from __future__ import annotations

import pytest

from .conftest import Mistakes
from .mistake import HEAD, SINK, Mistake

MISTAKES = [
    Mistake(
        "bad YAML, a bracket that is not closed",
        "a: [1\nb: 2\n",
        "pump.yaml:2: not YAML: while parsing a flow sequence did not find expected ',' or ']'",
    ),
    Mistake(
        "bad YAML, a tab",
        "a:\n	- 1\n",
        "pump.yaml:2: not YAML: while scanning for the next token found character that cannot start any token "
        "(indent with spaces; quote text that begins with @, ` or %)",
    ),
    Mistake(
        "bad YAML, a reference without quotes in braces",
        "pipelines:\n- {id: P, config: {max_in_flight: ${limit}}}\n",
        "pump.yaml:2: not YAML: while parsing a flow mapping did not find expected ',' or '}' (inside { } and [ ] a reference "
        'needs quotes: "${name}")',
    ),
    Mistake(
        "bad YAML, a condition that begins with a quote",
        HEAD + '  processors:\n  - when: "UA" == carrier\n    to: Q\n' + SINK,
        "pump.yaml:5: not YAML: while parsing a block mapping did not find expected key (a text that begins with a quote ends "
        "with it: put quotes of the other kind around the whole)",
    ),
    Mistake(
        "bad YAML, a colon in a text",
        "description: flights: all of them\n",
        "pump.yaml:1: not YAML: mapping values are not allowed in this context (quote a text that has ': ' in it)",
    ),
    Mistake(
        "a key twice",
        "pipelines:\n- id: P\n  id: Q\n",
        "pump.yaml:3: the key 'id' stands twice here (the first would be lost: remove one)",
    ),
    Mistake(
        "a YAML tag that would run something",
        "pipelines: !!python/object/apply:os.system [id]\n",
        "pump.yaml:1: not YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system' (a definition is data: it has no tags of its own)",
    ),
    Mistake(
        "an alias inside what it names",
        "x-loop: &x [*x]\n",
        "pump.yaml:1: nested deeper than 100 levels (look for an alias (*name) inside what it names)",
    ),
    Mistake(
        "a key that is no text",
        "pipelines: {1: 2}\n",
        "pump.yaml:1: the key 1 is not text (put it in quotes)",
    ),
    Mistake(
        "an empty file",
        "",
        "pump.yaml:1: the file is empty (it needs 'pipelines:')",
    ),
    Mistake(
        "a list in place of the definition",
        "- id: P\n",
        "pump.yaml:1: expected an object with 'pipelines'",
    ),
    Mistake(
        "a misspelled key of the definition",
        "pipelnes: []\n",
        "pump.yaml:1: unknown key 'pipelnes' in the definition (did you mean 'pipelines'?)",
    ),
    Mistake(
        "pipelines that are no list",
        "pipelines: {}\n",
        "pump.yaml:1: 'pipelines' must be a list, here is an object",
    ),
    Mistake(
        "a key twice, with parts",
        HEAD + SINK + SINK,
        "pump.yaml:5: the key 'sink' stands twice here (the first would be lost: remove one)",
    ),
    Mistake(
        "a file of cases",
        "allow: [parts]\ncases:\n- name: large cities are written\n",
        "pump.yaml:2: this is a file of cases, not a definition ('pump test' runs it)",
    ),
    Mistake(
        "a class where a part is expected",
        HEAD + "  processors: [JSONParserProcessor]\n  sink: NullSink\n",
        "pump.yaml:4: a processor must be an object, here is the text 'JSONParserProcessor' "
        '({"class": "JSONParserProcessor"})',
        "pump.yaml:5: a sink must be an object, here is the text 'NullSink' ({\"class\": \"NullSink\"})",
    ),
    Mistake(
        "an option that the constructor needs",
        HEAD + SINK + "  processors:\n  - class: DeduplicateProcessor\n    config: {key: '[a, b'}\n",
        "pump.yaml:7: pipeline P, DeduplicateProcessor: option 'key' has '[a, b': column 6: the expression ends too early "
        "(expression of the id; several values: [origin, number])\n    [a, b\n         ^",
    ),
    Mistake(
        "a class that is there to be extended",
        HEAD + "  processors:\n  - class: TextParser\n" + SINK,
        "pump.yaml:5: TextParser is there to be extended, and defines no parse(text) (use CSVParserProcessor, "
        "GrokParserProcessor, KeyValueParserProcessor, PatternParserProcessor, SyslogParserProcessor, XMLParserProcessor or a "
        "class of your own that defines parse)",
    ),
    Mistake(
        "a base class that many extend",
        HEAD + "  sink: {module: bspump.abc.sink, class: Sink}\n",
        "pump.yaml:4: Sink is there to be extended, and defines no process(context, event) (use AvroSink, "
        "ElasticSearchSink, FileBlockSink, FileCSVSink, FileJSONSink, FileLineSink, ... or a class of your own that defines "
        "process)",
    ),
    Mistake(
        "a lookup that has nowhere to load from",
        "lookups:\n- {id: L, class: DictionaryLookup}\n" + HEAD + SINK,
        "pump.yaml:2: DictionaryLookup has nowhere to load its table from (give it a 'source_url' or a 'master_url', or use "
        "FileLookup)",
    ),
    Mistake(
        "several computed fields",
        HEAD + "  processors:\n  - class: DeriveProcessor\n    config:\n      fields:\n        a: n +\n        b: n + 1\n"
        "        c: rund(n)\n        d: {op: ad, args: [n, 1]}\n" + SINK,
        "pump.yaml:8: pipeline P, DeriveProcessor: field 'a': column 4: the expression ends too early\n    n +\n       ^",
        "pump.yaml:10: pipeline P, DeriveProcessor: field 'c': column 1: there is no function 'rund'; did you mean 'round'?\n"
        "    rund(n)\n    ^",
        "pump.yaml:11: pipeline P, DeriveProcessor: field 'd' has an unknown op 'ad', did you mean 'add'?",
    ),
    Mistake(
        "lookups in expressions",
        """lookups:
- {id: Airports, class: FileLookup, config: {path: a.csv, key: faa}}
- {id: Slow, class: SQLiteLookup, config: {path: a.db, table: t, key: k}}
"""
        + HEAD + """  processors:
  - class: DeriveProcessor
    config:
      fields:
        a: lookup("Airports", n).name
        b: lookup("Airprts", n).name
        c: lookup("Slow", n).name
  - {class: FilterProcessor, config: {where: 'lookup("Airport", n) is null'}}
  - {class: DeduplicateProcessor, config: {key: 'lookup("Airpots", n)'}}
  - when: lookup("Airporst", n) is null
    branch: {sink: {class: NullSink}}
  - case:
    - when: lookup("Aairports", n) is null
      branch: {sink: {class: NullSink}}
""" + SINK,
        "pump.yaml:12: there is no lookup 'Airprts' (did you mean 'Airports'?)",
        "pump.yaml:13: lookup 'Slow' answers asynchronously (use AsyncLookupEnricher before)",
        "pump.yaml:14: there is no lookup 'Airport' (did you mean 'Airports'?)",
        "pump.yaml:15: there is no lookup 'Airpots' (did you mean 'Airports'?)",
        "pump.yaml:16: there is no lookup 'Airporst' (did you mean 'Airports'?)",
        "pump.yaml:19: there is no lookup 'Aairports' (did you mean 'Airports'?)",
    ),
    Mistake(
        "a lookup in an expression that cannot be built itself",
        "lookups:\n- {id: L, class: FileLookp}\n" + HEAD
        + "  processors:\n  - {class: FilterProcessor, config: {where: 'lookup(\"L\", n)'}}\n" + SINK,
        "pump.yaml:2: unknown class 'FileLookp' (did you mean 'FileLookup'?)",
    ),
    Mistake(
        "a matrix that is not there",
        "matrices:\n- {id: Users, class: NamedMatrix}\n"
        + HEAD + SINK + "  processors:\n  - {class: MatrixUpdater, config: {matrix: User, row: user, cells: count}}\n",
        "pump.yaml:8: Cannot find matrix id 'User' (did you mean 'Users'?)",
    ),
    Mistake(
        "nothing in it",
        "description: nothing\n",
        "pump.yaml:1: there is nothing in it (it needs 'pipelines', a list)",
    ),
    Mistake(
        "a pipeline that is no object",
        "pipelines:\n- text\n",
        "pump.yaml:2: a pipeline must be an object, here is the text 'text' ({\"class\": \"text\"})",
    ),
    Mistake(
        "no sink",
        HEAD,
        'pump.yaml:2: a pipeline needs a sink ("sink": {"class": ...})',
    ),
    Mistake(
        "no source",
        "pipelines:\n- id: P\n" + SINK,
        'pump.yaml:2: a pipeline needs a source ("source": {"class": ...}, or "sources" with a list)',
    ),
    Mistake(
        "no id",
        (
            "pipelines:\n- description: P\n  source: {module: bspump_like.testing, class: ListSource, args: "
            "{events: [1]}}\n"
        )
        + SINK,
        "pump.yaml:2: a pipeline needs 'id'",
    ),
    Mistake(
        "a key that a pipeline does not have",
        HEAD + SINK + "  filter: {class: NullSink}\n",
        "pump.yaml:5: unknown key 'filter' in a pipeline (an option belongs into 'config'; known: args, class, "
        "config, description, id, module, processors, sink, source, sources)",
    ),
    Mistake(
        "no class",
        HEAD + "  sink: {module: bspump.common}\n",
        "pump.yaml:4: a sink needs 'class'",
    ),
    Mistake(
        "a misspelled class key",
        HEAD + "  sink: {clas: NullSink}\n",
        "pump.yaml:4: unknown key 'clas' in a sink (did you mean 'class'?)",
    ),
    Mistake(
        "a misspelled key of a part",
        HEAD + "  sink: {clas: NullSink, class: NullSink}\n",
        "pump.yaml:4: unknown key 'clas' in a sink (did you mean 'class'?)",
    ),
    Mistake(
        "config that is no object",
        HEAD + "  sink: {class: NullSink, config: [1]}\n",
        "pump.yaml:4: 'config' must be an object, here is a list",
    ),
    Mistake(
        "source and sources",
        HEAD + "  sources: {class: InternalSource}\n" + SINK,
        "pump.yaml:3: has both 'source' and 'sources' (put all of them into 'sources')",
    ),
    Mistake(
        "an id twice",
        HEAD
        + SINK
        + "- id: P\n  source: {module: bspump_like.testing, class: ListSource, args: {events: [1]}}\n"
        + SINK,
        "pump.yaml:5: a pipeline with the id 'P' is there already, at pump.yaml:2 (give one of them another id)",
    ),
    Mistake(
        "an id twice in one pipeline",
        HEAD
        + "  processors:\n  - {id: A, class: JSONParserProcessor}\n  - {id: A, class: JSONParserProcessor}\n"
        + SINK,
        "pump.yaml:6: the id 'A' is there already in this pipeline (ids are unique in a pipeline)",
    ),
    Mistake(
        "a flag that is none",
        "lookups:\n- {id: L, class: FileLookup, lazy: 5}\n",
        "pump.yaml:2: 'lazy' must be true or false, here is the number 5",
    ),
    Mistake(
        "a misspelled class",
        HEAD + "  sink:\n    class: NulSink\n",
        "pump.yaml:5: unknown class 'NulSink' (did you mean 'NullSink'?)",
    ),
    Mistake(
        "a class with a dot",
        HEAD + "  sink:\n    class: os.system\n",
        "pump.yaml:5: 'os.system' is no name of a class (its module, if it needs one, goes into 'module')",
    ),
    Mistake(
        "a class in another module",
        HEAD + "  sink:\n    module: bspump.trigger\n    class: NullSink\n",
        "pump.yaml:6: the module 'bspump.trigger' has no class 'NullSink' (it is in 'bspump_like.common')",
    ),
    Mistake(
        "a module that is not there",
        HEAD + "  sink:\n    module: bspump.comon\n    class: NullSink\n",
        "pump.yaml:5: there is no module 'bspump.comon' (NullSink is in 'bspump_like.common')",
    ),
    Mistake(
        "a processor in place of the sink",
        HEAD + "  sink:\n    class: JSONParserProcessor\n",
        "pump.yaml:5: JSONParserProcessor is a processor, and a sink is expected here",
    ),
    Mistake(
        "a module that is not allowed",
        HEAD + "  processors:\n  - module: mine\n    class: X\n" + SINK,
        "pump.yaml:5: the module 'mine' is not allowed: a definition loads only known components (allow it "
        "with --allow mine, or [pumpbuilder] allow=mine in the configuration file)",
    ),
    Mistake(
        "a processor behind a sink",
        HEAD + "  processors:\n  - {class: NullSink}\n" + SINK,
        "pump.yaml:5: nothing may follow a sink, and NullSink is one (put it last, or into a pipeline of its "
        "own behind a TeeProcessor)",
    ),
    Mistake(
        "no sink at the end",
        HEAD + "  processors:\n  - {class: JSONParserProcessor}\n",
        'pump.yaml:2: the pipeline has no sink at its end (add "sink"; NullSink throws events away)',
    ),
    Mistake(
        "a trigger on a source that runs by itself",
        (
            "pipelines:\n- id: P\n  source: {module: bspump_like.testing, class: ListSource, trigger: {class: "
            "PeriodicTrigger, args: {interval: 1}}, args: {events: [1]}}\n"
        )
        + SINK,
        "pump.yaml:3: ListSource runs by itself, a trigger cannot start it (remove 'trigger')",
    ),
    Mistake(
        "an argument that a trigger does not have",
        (
            "pipelines:\n- id: P\n  source: \n    class: FileLineSource\n    config: {path: x}\n    trigger:\n "
            "     class: PeriodicTrigger\n      args: {intervall: 5}\n"
        )
        + SINK,
        "pump.yaml:8: unknown argument 'intervall' (did you mean 'interval'?)",
    ),
    Mistake(
        "an option that a part does not have",
        HEAD + "  sink:\n    class: NullSink\n    config:\n      pth: x\n",
        "pump.yaml:7: pipeline P, NullSink: unknown option 'pth' (known: on_error)",
    ),
    Mistake(
        "a misspelled option",
        HEAD + "  sink:\n    class: FileLineSink\n    config:\n      pth: x\n",
        "pump.yaml:7: pipeline P, FileLineSink: unknown option 'pth' (did you mean 'path'?)",
    ),
    Mistake(
        "an argument that a part does not have",
        HEAD + "  sink:\n    class: NullSink\n    args:\n      pth: x\n",
        "pump.yaml:7: NullSink takes no argument 'pth' (it takes no args; options belong into 'config')",
    ),
    Mistake(
        "a missing argument",
        "pipelines:\n- id: P\n  source: {module: bspump_like.testing, class: ListSource}\n" + SINK,
        'pump.yaml:3: ListSource needs the argument \'events\' ("args": {"events": ...})',
    ),
    Mistake(
        "an argument that the constructor cannot take",
        "pipelines:\n- id: P\n  source: {module: bspump_like.testing, class: ListSource, args: {events: 7}}\n" + SINK,
        "pump.yaml:3: cannot be constructed: TypeError: 'int' object is not iterable at parts.py:N",
    ),
    Mistake(
        "a number that is none",
        HEAD + SINK + "  processors:\n  - class: JSONParserProcessor\n    config: {concurrency: many}\n",
        "pump.yaml:7: pipeline P, JSONParserProcessor: option 'concurrency' has 'many': expected a whole "
        "number (events in work at the same time when process() is async or threaded)",
    ),
    Mistake(
        "a number out of bounds",
        HEAD + "  config:\n    max_in_flight: 0\n" + SINK,
        "pump.yaml:5: pipeline P: option 'max_in_flight' has 0: expected a number >= 1 (events handed over but "
        "not yet durable, before the sources wait)",
    ),
    Mistake(
        "a duration with an unknown unit",
        HEAD + "  config:\n    commit_interval: 5 parsecs\n" + SINK,
        "pump.yaml:5: pipeline P: option 'commit_interval' has '5 parsecs': unknown unit 'parsecs', known: ms, s, m, h, d, w "
        "(least time between the beginnings of two barriers, in seconds)",
    ),
    Mistake(
        "a misspelled error policy",
        HEAD + "  sink:\n    class: NullSink\n    config:\n      on_error: dead_leter\n",
        "pump.yaml:7: on_error has 'dead_leter' (did you mean 'dead_letter'?)",
    ),
    Mistake(
        "an error scope over a processor that is not there",
        HEAD + "  config:\n    error_scopes: [{from: Parse, on_error: drop}]\n" + SINK,
        "pump.yaml:4: pipeline P: an error scope names the processor 'Parse' (known: NullSink)",
    ),
    Mistake(
        "an error route to nowhere",
        HEAD + "  config: {on_error: {route: Elsewhere}}\n" + SINK,
        "pump.yaml:4: there is no source to send to at 'Elsewhere' (a pipeline to send to begins with an InternalSource)",
    ),
    Mistake(
        "a lookup that is not there",
        HEAD + "  processors:\n  - class: LookupEnricher\n    args: {lookup: Carriers}\n" + SINK,
        "pump.yaml:6: there is no lookup 'Carriers' (there is none; define it under 'lookups')",
    ),
    Mistake(
        "an InternalSink to nowhere",
        HEAD + "  sink:\n    class: InternalSink\n    config:\n      target: Q\n",
        "pump.yaml:7: there is no source to send to at 'Q' (a pipeline to send to begins with an InternalSource)",
    ),
    Mistake(
        "BSPump: class that is not here",
        HEAD + "  sink:\n    module: bspump.slack\n    class: SlackTextSink\n",
        "pump.yaml:5: bspump.slack of BSPump is not here (a Slack webhook takes HTTP: a sink of your own "
        "posts to it, see docs/how-to/own-processor.md)",
    ),
    Mistake(
        "BSPump: class that is not here, of a module that is",
        HEAD + "  sink:\n    module: bspump.common\n    class: GoogleDriveBlockSink\n",
        "pump.yaml:6: GoogleDriveBlockSink of BSPump is not here (write with FileBlockSink, and let a tool such as rclone "
        "copy the files)",
    ),
    Mistake(
        "BSPump: class without its module",
        HEAD + "  processors:\n  - class: WindowsSuppressFilter\n" + SINK,
        "pump.yaml:5: WindowsSuppressFilter of BSPump is not here (let Winlogbeat or Vector send the events of Windows to "
        "Kafka, and read them with KafkaSource)",
    ),
    Mistake(
        "trust: a part that runs programs",
        HEAD + "  processors:\n  - class: CommandProcessor\n    config: {command: id}\n" + SINK,
        "pump.yaml:5: CommandProcessor runs programs, which a definition may do only where it is trusted "
        "(allow it with --allow bspump_like.subprocess, or [pumpbuilder] allow=bspump_like.subprocess in the "
        "configuration file)",
    ),
    Mistake(
        "trust: a module of the package that holds no parts",
        HEAD + "  sink:\n    module: bspump.cli.__main__\n    class: NullSink\n",
        "pump.yaml:5: 'bspump.cli.__main__' is no module of components (leave 'module' out: 'class' alone is found)",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_mistake_is_said_with_file_line_and_remedy(mistakes: Mistakes, mistake: Mistake) -> None:
    assert mistakes(mistake.text, mistake.files) == list(mistake.said)
