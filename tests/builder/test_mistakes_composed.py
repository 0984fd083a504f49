"""Mistakes in what definitions are composed of: includes, variables, secrets, templates, branches.

Side by side: what somebody wrote, and every word that is said about it.
"""

from __future__ import annotations

import pytest

from .conftest import Mistakes
from .mistake import HEAD, SINK, TEMPLATE, Mistake

MISTAKES = [
    Mistake(
        "a reference that is not closed",
        HEAD + "  sink: {class: FileLineSink, config: {path: '${out/x'}}\n",
        "pump.yaml:4: the reference '${out/x' is not closed (write ${out}/x, or $${out/x for the text itself)",
    ),
    Mistake(
        "a reference that is not closed, before others",
        "variables: {out: a}\n" + HEAD + "  sink: {class: FileLineSink, config: {path: '${out/{worker}-${out}.json'}}\n",
        "pump.yaml:5: the reference '${out/{worker}-${out}.json' is not closed (write ${out}/{worker}-${out}.json, or "
        "$${out/{worker}-${out}.json for the text itself)",
    ),
    Mistake(
        "a secret that is not closed",
        "variables: {key: '${file:key'}\n" + HEAD + SINK,
        "pump.yaml:1: the reference '${file:key' is not closed (write ${file:key}, or $${file:key for the text itself)",
    ),
    Mistake(
        "a reference as the default of another",
        "variables: {out: a}\n" + HEAD + "  sink: {class: FileLineSink, config: {path: '${OUT:${out}}/x'}}\n",
        "pump.yaml:5: the reference '${OUT:${out}}' has another one as its default (give '${out}' a name under 'variables', "
        "and write that variable here)",
    ),
    Mistake(
        "include: no such file",
        "include: other.yaml\n",
        "pump.yaml:1: cannot include other.yaml: there is no such file (relative paths start at the including file)",
    ),
    Mistake(
        "include: no such file, and itself",
        "include: [common.yml, pump.yaml]\n",
        "pump.yaml:1: cannot include common.yml: there is no such file (relative paths start at the including file)",
        "pump.yaml:1: the includes go in a circle: pump.yaml -> pump.yaml (take one of them out)",
    ),
    Mistake(
        "include: not a definition",
        "include: /etc/passwd\n",
        "pump.yaml:1: cannot include /etc/passwd: a definition ends in .json, .yaml, .yml",
    ),
    Mistake(
        "include: outside of the directory",
        "include: ../secret.yaml\n",
        "pump.yaml:1: may not include ABOVE/secret.yaml: it lies outside of HERE (allow its directory: "
        "[pumpbuilder] include=ABOVE in the configuration file)",
    ),
    Mistake(
        "include: a pattern that nothing fits",
        "include: 'parts/*.yaml'\n",
        "pump.yaml:1: nothing fits the pattern parts/*.yaml (relative paths start at the including file)",
    ),
    Mistake(
        "declarations from outside of the directory",
        HEAD + "  processors:\n  - class: DeclarativeProcessor\n    config:\n      declaration: '!INCLUDE one'\n"
        "      library: /etc\n" + SINK,
        "pump.yaml:8: may not read from /etc: it lies outside of HERE (allow it: [pumpbuilder] include=/etc in the "
        "configuration file)",
    ),
    Mistake(
        "include: a circle",
        "include: b.yaml\n",
        "c.yaml:3: the includes go in a circle: b.yaml -> c.yaml -> b.yaml (take one of them out)",
        files={"b.yaml": "include: c.yaml\n", "c.yaml": "description: c\ninclude:\n- b.yaml\n"},
    ),
    Mistake(
        "include: an id twice over two files",
        "include: b.yaml\n" + HEAD + SINK,
        "pump.yaml:3: a pipeline with the id 'P' is there already, at b.yaml:2 (give one of them another id)",
        files={"b.yaml": HEAD + SINK},
    ),
    Mistake(
        "include: mistakes in the included file",
        "include: b.yaml\n" + HEAD + SINK,
        "b.yaml:2: 'lookups' must be a list, here is an object",
        "b.yaml:3: unknown key 'variable' in the definition (did you mean 'variables'?)",
        files={"b.yaml": "pipelines: []\nlookups: {}\nvariable: {}\n"},
    ),
    Mistake(
        "variable: misspelled",
        HEAD + "  sink:\n    class: NullSink\n    config:\n      on_error: ${polcy}\nvariables: {policy: drop}\n",
        "pump.yaml:7: there is no variable 'polcy', and no environment variable of this name (did you mean 'policy'?)",
    ),
    Mistake(
        "variable: environment not set",
        HEAD + SINK + "  description: ${NOT_SET_ANYWHERE}\n",
        "pump.yaml:5: the environment variable NOT_SET_ANYWHERE is not set (set it, give a default as "
        "${NOT_SET_ANYWHERE:default}, or write $${NOT_SET_ANYWHERE} for the text itself)",
    ),
    Mistake(
        "variable: a circle",
        "variables:\n  a: ${b}\n  b: ${a}\n" + HEAD + SINK,
        "pump.yaml:2: variables refer to one another in a circle: a -> b -> a",
    ),
    Mistake(
        "variable: a name that is none",
        "variables:\n  my-name: 1\n" + HEAD + SINK,
        "pump.yaml:2: 'my-name' is no name of a variable (a name has letters, digits and _)",
    ),
    Mistake(
        "variable: a list inside a text",
        "variables:\n  hosts: [a, b]\n" + HEAD + SINK + "  description: at ${hosts}\n",
        "pump.yaml:7: the variable 'hosts' is a list, which cannot stand inside a text (alone, as \"${hosts}\", it can)",
    ),
    Mistake(
        "secret: missing",
        HEAD + "  sink:\n    class: FileLineSink\n    config:\n      path: ${file:/run/secrets/no-such-secret}\n",
        "pump.yaml:7: cannot read the file /run/secrets/no-such-secret: No such file or directory (create it "
        "or mend its rights)",
    ),
    Mistake(
        "secret: a file that may not be read",
        HEAD + "  sink:\n    class: FileLineSink\n    config:\n      path: ${file:/etc/passwd}\n",
        "pump.yaml:7: may not read the file /etc/passwd: secrets lie in /run/secrets or beside the definition "
        "(allow its directory: [pumpbuilder] secrets=/etc in the configuration file)",
    ),
    Mistake(
        "secret: in a place that is shown",
        HEAD + SINK + "  description: ${file:token}\n",
        "pump.yaml:5: a secret from a file may not stand in 'description', which is shown (only in 'config' and 'args')",
        files={"token": "hunter22"},
    ),
    Mistake(
        "template: misspelled",
        TEMPLATE + "pipelines:\n- template: Carier\n  with: {carrier: UA}\n",
        "pump.yaml:12: there is no template 'Carier' (did you mean 'Carrier'?)",
    ),
    Mistake(
        "template: misspelled parameter",
        TEMPLATE + "pipelines:\n- template: Carrier\n  with:\n    carier: UA\n",
        "pump.yaml:14: the template 'Carrier' has no parameter 'carier' (did you mean 'carrier'?)",
    ),
    Mistake(
        "template: a value that does not fit",
        TEMPLATE + "pipelines:\n- template: Carrier\n  with:\n    carrier: UA\n    delay: soon\n",
        "pump.yaml:9: pipeline Late-UA, JSONParserProcessor: option 'concurrency' has 'soon': expected a whole "
        "number (events in work at the same time when process() is async or threaded); used at pump.yaml:15",
    ),
    Mistake(
        "template: a mistake in it, at each use",
        (
            "templates:\n  Carrier:\n    parameters: {carrier: null, delay: 15}\n    pipeline:\n      id: "
            "Late-${carrier}\n      source: {class: InternalSource}\n      processors:\n      - class: "
            'JSONParserProcessor\n        config: {concurrency: "${delay}"}\n      sink: {class: NulSink}\n'
            "pipelines:\n- template: Carrier\n  with:\n  - carrier: UA\n  - carrier: DL\n"
        ),
        "pump.yaml:10: unknown class 'NulSink' (did you mean 'NullSink'?); used at pump.yaml:14",
        "pump.yaml:10: unknown class 'NulSink' (did you mean 'NullSink'?); used at pump.yaml:15",
    ),
    Mistake(
        "template: two uses make one id",
        TEMPLATE + "pipelines:\n- template: Carrier\n  with:\n  - carrier: UA\n  - carrier: UA\n",
        "pump.yaml:5: a pipeline with the id 'Late-UA' is there already, at pump.yaml:4 (give one of them "
        "another id); used at pump.yaml:15",
    ),
    Mistake(
        "template: misspelled reference in it",
        (
            "templates:\n  Carrier:\n    parameters: {carrier: null, delay: 15}\n    pipeline:\n      id: "
            "Late-${carier}\n      source: {class: InternalSource}\n      processors:\n      - class: "
            'JSONParserProcessor\n        config: {concurrency: "${delay}"}\n    '
        )
        + SINK
        + "pipelines:\n- template: Carrier\n  with: {carrier: UA}\n",
        "pump.yaml:5: there is no variable 'carier', and no environment variable of this name (did you mean "
        "'carrier'?); used at pump.yaml:12",
    ),
    Mistake(
        "template: misspelled key",
        (
            "templates:\n  Carrier:\n    parameters: {carrier: null, delay: 15}\n    pipelin:\n      id: "
            "Late-${carrier}\n      source: {class: InternalSource}\n      processors:\n      - class: "
            'JSONParserProcessor\n        config: {concurrency: "${delay}"}\n    '
        )
        + SINK,
        "pump.yaml:4: unknown key 'pipelin' in the template 'Carrier' (did you mean 'pipeline'?)",
    ),
    Mistake(
        "template: misspelled key of a use",
        TEMPLATE + "pipelines:\n- template: Carrier\n  width: {carrier: UA}\n",
        "pump.yaml:13: unknown key 'width' in the use of a template (did you mean 'with'?)",
    ),
    Mistake(
        "branch: misspelled step",
        HEAD + "  processors:\n  - wehn: delay > 1\n    to: Q\n" + SINK,
        "pump.yaml:5: unknown key 'wehn' in a processor (did you mean 'when'?)",
        "pump.yaml:6: unknown key 'to' in a processor (it belongs to a step with 'when' or 'case')",
    ),
    Mistake(
        "branch: neither a class nor a branch",
        HEAD + "  processors:\n  - {id: Parse}\n" + SINK,
        "pump.yaml:5: a processor needs 'class' or 'when' or 'case' or 'fork'",
    ),
    Mistake(
        "branch: condition that ends too early",
        HEAD + "  processors:\n  - when: delay >> \n    to: Q\n" + SINK,
        "pump.yaml:5: pipeline P, when: option 'when' has 'delay >>': column 9: the expression ends too early "
        "(expression; events for which it holds leave here)\n    delay >>\n            ^",
    ),
    Mistake(
        "branch: condition that is Python",
        HEAD + "  processors:\n  - when: delay > 1 and\n      import os\n    branch:\n    " + SINK + SINK,
        "pump.yaml:5: pipeline P, when: option 'when' has 'delay > 1 and import os': column 15: 'import' is "
        "not expected here (expression; events for which it holds leave here)\n    delay > 1 and import os\n   "
        "               ^",
    ),
    Mistake(
        "branch: condition that reaches into Python",
        HEAD + "  processors:\n  - when: event.__class__\n    branch:\n    " + SINK + SINK,
        "pump.yaml:5: pipeline P, when: option 'when' has 'event.__class__': column 1: '__class__' is no name "
        'of a field; write event["__..."] if it is (expression; events for which it holds leave here)\n    '
        "event.__class__\n    ^",
    ),
    Mistake(
        "branch: to nowhere",
        HEAD + "  processors:\n  - when: delay > 1\n    to: Nowhere\n" + SINK,
        "pump.yaml:6: there is no source to send to at 'Nowhere' (a pipeline to send to begins with an InternalSource)",
    ),
    Mistake(
        "branch: neither branch nor to",
        HEAD + "  processors:\n  - when: delay > 1\n" + SINK,
        "pump.yaml:5: 'when' needs 'branch', a pipeline in place, or 'to', the address of another",
    ),
    Mistake(
        "branch: no sink",
        HEAD + "  processors:\n  - when: delay > 1\n    branch: {processors: []}\n" + SINK,
        "pump.yaml:6: the branch of 'when' needs a sink (its events do not come back; NullSink throws them away)",
    ),
    Mistake(
        "branch: a mistake in it",
        HEAD + "  processors:\n  - when: delay > 1\n    branch:\n      sink: {class: NulSink}\n" + SINK,
        "pump.yaml:7: unknown class 'NulSink' (did you mean 'NullSink'?)",
    ),
    Mistake(
        "branch: misspelled key",
        HEAD + "  processors:\n  - when: delay > 1\n    brnch: {sink: {class: NullSink}}\n" + SINK,
        "pump.yaml:6: unknown key 'brnch' in a step with 'when' (did you mean 'branch'?)",
    ),
    Mistake(
        "branch: case after else",
        HEAD + "  processors:\n  - case:\n    - branch: {sink: {class: NullSink}}\n    - when: delay > 1\n      to: "
        "P\n" + SINK,
        "pump.yaml:6: a case without 'when' takes all that is left, and here others follow it (give it a "
        "condition, or put it last)",
    ),
    Mistake(
        "branch: condition of a case",
        HEAD + "  processors:\n  - case:\n    - when: delay >\n      branch: {sink: {class: NullSink}}\n" + SINK,
        "pump.yaml:6: the condition is wrong: column 8: the expression ends too early\n    delay >\n           ^",
    ),
    Mistake(
        "branch: events that come back to nothing",
        HEAD + "  processors:\n  - case:\n    - when: delay > 1\n      branch: {processors: []}\n",
        "pump.yaml:5: a branch without a sink gives its events back, and nothing follows this step (give the "
        "branch a sink, or the pipeline)",
    ),
    Mistake(
        "branch: step with when and class",
        HEAD + "  processors:\n  - when: delay > 1\n    class: NullSink\n" + SINK,
        "pump.yaml:5: a step has 'when' and 'class', and may have only one of them (make two steps of it)",
    ),
    Mistake(
        "branch: fork that is none",
        HEAD + "  processors:\n  - fork: 5\n" + SINK,
        'pump.yaml:5: a branch must be an object ({"processors": [...], "sink": {...}})',
    ),
    Mistake(
        "branch: error route without a sink",
        HEAD + "  config:\n    on_error:\n      route: {processors: []}\n" + SINK,
        "pump.yaml:6: the branch of 'on_error' needs a sink (its events do not come back; NullSink throws them away)",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_mistake_is_said_with_file_line_and_remedy(mistakes: Mistakes, mistake: Mistake) -> None:
    assert mistakes(mistake.text, mistake.files) == list(mistake.said)
