"""The JSON Schema of definitions, made from the declarations of all components: an editor completes and checks with it.

It knows what a definition looks like as it is written: includes, variables, templates, branches, every component with its
options and arguments. What it lets pass may still be wrong (an unknown connection); what is right it lets pass.
"""

from __future__ import annotations

from typing import Any

from ..config import Configurable, Options, known_keys
from ..pipeline import Pipeline
from ..policy import ACTIONS, RetryOptions
from . import schema_values as values
from .catalogue import Entry, arguments_of, entries
from .registry import PACKAGE, own_components

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_OWN_MODULE = {"type": ["string", "null"], "pattern": r"^$|^bspump(_like)?(?!\.testing)(\.|$)"}

_STANDS_FOR = {
    "source": ("source",), "processor": ("processor", "generator", "sink"), "sink": ("sink",), "trigger": ("trigger",),
    "connection": ("connection",), "lookup": ("lookup",), "matrix": ("matrix",), "pipeline": ("pipeline",),
}  # fmt: skip
"""What stands in a place of a definition -> kinds of components that fit there."""


def definition_schema() -> Schema:
    """Return the schema (draft 2020-12) of a whole definition, with every component that can be imported here."""
    found = [one for one in entries() if not one.is_base]
    return {
        "$schema": DIALECT,
        "title": f"A pump of {PACKAGE}",
        "type": "object",
        "properties": {
            "$schema": {"type": "string", "description": "The schema, for editors."},
            "version": {"description": "A version of your own."},
            "description": _text("What the pump does."),
            "include": {
                "description": "Other definitions, relative to this file; patterns such as 'pipelines/*.yaml' too.",
                **_one_or_many({"type": "string"}),
            },
            "variables": {
                "description": "Name -> value. ${name} in any text stands for it.",
                "type": ["object", "null"], "propertyNames": {"pattern": r"^[A-Za-z_]\w*$"},
            },
            "templates": {
                "description": "Name -> a template for pipelines that are alike.",
                "type": ["object", "null"], "additionalProperties": _ref("template"),
            },
            "connections": _list("Shared access to servers.", _ref("connection")),
            "lookups": _list("Tables that events are enriched from.", _ref("lookup")),
            "matrices": _list("Tables of figures that pipelines keep.", _ref("matrix")),
            "pipelines": _list("Where events come from, what happens to them, and where they go.", _item_of_pipelines()),
        },
        "patternProperties": {"^x-": {"description": "A place for YAML anchors."}},
        "additionalProperties": False,
        "$defs": {
            **values.SHARED,
            **_written_forms(),
            **{place: _place(place, [one for one in found if one.kind in kinds]) for place, kinds in _STANDS_FOR.items()},
            **{_name(one): _component(one) for one in found},
            "options-of-a-pipeline": _options(Pipeline),
        },
    }  # fmt: skip


# What is written, whatever the components are


def _written_forms() -> dict[str, Schema]:
    chain = {
        "description": "Steps, in order.", "type": ["array", "null"], "items": _ref("step"),
    }  # fmt: skip
    return {
        "template": {
            "type": "object",
            "properties": {
                "description": _text("What the pipelines made from it do."),
                "parameters": {
                    "description": "Name -> its default, or an object with 'default' and 'description'; null: must be given.",
                    "type": ["object", "null"], "propertyNames": {"pattern": r"^[A-Za-z_]\w*$"},
                },
                "pipeline": {"$ref": "#/$defs/pipeline-in-a-template", "description": "The pipeline; ${parameter} in its texts."},
                "pipelines": _list("Several pipelines instead of one.", _ref("pipeline-in-a-template")),
            },
            "oneOf": [{"required": ["pipeline"]}, {"required": ["pipelines"]}],
            "additionalProperties": False,
        },
        "use-of-a-template": {
            "type": "object",
            "properties": {
                "template": _text("Name of the template."),
                "with": {
                    "description": "Parameter -> value; a list of them makes one pipeline each.",
                    **_one_or_many({"type": ["object", "null"]}),
                },
                "id": _text("Id of the pipeline, in place of the template's."),
                "description": _text("What it does."),
            },
            "required": ["template"],
            "additionalProperties": False,
        },
        "step": {
            "if": {"required": ["when"]},
            "then": _ref("divert"),
            "else": {
                "if": {"required": ["case"]}, "then": _ref("switch"),
                "else": {"if": {"required": ["fork"]}, "then": _ref("fork"), "else": _ref("processor")},
            },
        },
        "divert": {
            "description": "Events for which the condition holds leave the pipeline here, for a branch.",
            "type": "object",
            "properties": {"id": _id(), "description": _text("Why."), "when": _ref("condition"), **_way("they")},
            "oneOf": [{"required": ["branch"]}, {"required": ["to"]}],
            "additionalProperties": False,
        },
        "switch": {
            "description": "The first case whose condition holds takes the event.",
            "type": "object",
            "properties": {
                "id": _id(), "description": _text("Why."),
                "case": {
                    "type": "array", "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {
                            "when": _ref("condition"), "id": _id(), "description": _text("Why."), **_way("its events"),
                        },
                        "oneOf": [{"required": ["branch"]}, {"required": ["to"]}],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["case"],
            "additionalProperties": False,
        },
        "fork": {
            "description": "A copy of every event goes into each of these branches; the event itself goes on.",
            "type": "object",
            "properties": {
                "id": _id(), "description": _text("Why."),
                "fork": _one_or_many({"anyOf": [{"type": "string", "description": "Address of a pipeline."}, _ref("branch")]}),
                "copy_event": {"type": "boolean", "description": "Send deep copies.", "default": True},
            },
            "required": ["fork"],
            "additionalProperties": False,
        },
        "condition": {"description": "An expression of the event, such as: delay > 15", "type": ["string", "boolean"]},
        "branch": {
            "description": "A pipeline written in place; in 'case', without a sink its events come back.",
            "type": "object",
            "properties": {
                "id": _id(), "description": _text("What it does."),
                "config": _ref("options-of-a-pipeline"),
                "processors": chain, "sink": _or_null(_ref("sink")),
            },
            "additionalProperties": False,
        },
        "chain": chain,
        "policy": {
            "anyOf": [
                {"enum": [*ACTIONS, "", None]},
                {"type": "string", "pattern": "^route:"},
                _ref("reference"),
                {
                    "type": "object",
                    "properties": {
                        "route": {
                            "description": "Address of the pipeline that gets the event, or a branch.",
                            "if": {"type": "object"}, "then": _ref("branch"), "else": {"type": "string"},
                        },
                        "retry": {
                            "description": "Try again before.", "type": ["object", "null"], "additionalProperties": False,
                            "properties": {
                                name: values.of_option(field) for name, field in RetryOptions.declarations().items()
                            },
                        },
                        "then": {"description": "What to do when trying again did not help.", **_ref("policy")},
                    },
                    "additionalProperties": False,
                },
            ],
        },
        "pipeline-in-a-template": _ref("pipeline"),
    }  # fmt: skip


def _item_of_pipelines() -> Schema:
    named = {"anyOf": [{"required": ["id"]}, {"required": ["class"]}]}
    return {"if": {"required": ["template"]}, "then": _ref("use-of-a-template"), "else": {"allOf": [_ref("pipeline"), named]}}


def _way(what: str) -> Schema:
    return {
        "branch": _ref("branch"),
        "to": _text(f"Address of the pipeline or source that {what} go to, in place of a branch."),
    }


# One place of a definition, and the components that fit


def _place(place: str, fitting: list[Entry]) -> Schema:
    ours = [one for one in fitting if own_components().get(one.name) == one.module]
    names = sorted(one.name for one in fitting)
    properties: Schema = {
        "id": _id(),
        "module": {"type": ["string", "null"], "description": "Where the class is; only for components of your own."},
        "class": {"type": "string", "description": f"Name of the {place}."},
        "description": _text("What it does here."),
        "args": {"type": ["object", "null"], "description": "Arguments of its constructor."},
        "config": {"type": ["object", "null"], "description": "Its options."},
        **_more(place),
    }
    if place == "trigger":
        del properties["config"]
    dispatch: list[Schema] = [
        {
            "if": {"properties": {"module": _OWN_MODULE}, "required": ["class"]},
            "then": {"properties": {"class": {"anyOf": [
                {"enum": names, "enumDescriptions": [one.summary for one in sorted(fitting, key=lambda one: one.name)]},
                _ref("reference"),
            ]}}},
        },
        *({"if": _is(one, one in ours), "then": _ref(_name(one))} for one in fitting),
    ]  # fmt: skip
    if place == "pipeline":
        dispatch.append({  # a class of its own may build itself
            "if": {"properties": {"class": {"type": "null"}}},
            "then": {
                "properties": {"config": _ref("options-of-a-pipeline")},
                "oneOf": [{"required": ["source"]}, {"required": ["sources"]}],
            },
        })  # fmt: skip
        properties["class"] = {"type": ["string", "null"], "description": "A pipeline class of your own."}
    return {
        "type": "object",
        "properties": properties,
        "required": [] if place == "pipeline" else ["class"],
        "additionalProperties": False,
        "allOf": dispatch,
    }


def _more(place: str) -> Schema:
    if place == "source":
        return {"trigger": {"description": "When the source runs.", **_or_null(_ref("trigger"))}}
    if place == "lookup":
        return {"lazy": {"type": "boolean", "description": "Load it when it is first asked.", "default": False}}
    if place != "pipeline":
        return {}
    sources = _one_or_many(_ref("source"))
    return {
        "source": {"description": "Where the events come from.", **sources},
        "sources": {"description": "Where the events come from.", **sources},
        "processors": _ref("chain"),
        "sink": {"description": "Where the events go.", **_or_null(_ref("sink"))},
    }


def _is(one: Entry, own: bool) -> Schema:
    module = {"module": _OWN_MODULE} if own else {}
    return {"properties": {"class": {"const": one.name}, **module}, "required": ["class"]}


def _component(one: Entry) -> Schema:
    properties: Schema = {}
    if isinstance(one.component, type) and issubclass(one.component, Configurable):
        properties["config"] = _options(one.component)
    arguments = _arguments(one.component)
    if arguments is not None:
        properties["args"] = arguments
    required = ["args"] if arguments and arguments["required"] else []
    return {"description": one.summary, "properties": properties, "required": required}


def _options(component: type[Configurable]) -> Schema:
    fields = component.Options.declarations() if issubclass(component.Options, Options) else {}
    known = known_keys(component)
    properties: Schema = {name: values.of_option(field) for name, field in fields.items()}
    if "on_error" in properties:
        properties["on_error"].update(_ref("policy"))
    for field in fields.values():
        for alias in field.aliases:
            properties[alias] = {"description": f"An older name of '{field.name}'.", "deprecated": True}
    for name in sorted((known or set()) - properties.keys()):
        properties[name] = values.of_default(values.contract_default(component, name))
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": known is None}


def _arguments(component: Any) -> Schema | None:
    """Return the schema of `args`; None when the component reads them in a way of its own."""
    if values.reads_arguments_itself(component):
        return None
    types = values.argument_types(component)
    properties, required = {}, []
    for one in arguments_of(component):
        properties[one.name] = values.of_argument(types.get(one.name, Any), one)
        if one.required:
            required.append(one.name)
    return {
        "type": ["object", "null"], "properties": properties, "required": required,
        "additionalProperties": values.takes_any_argument(component),
    }  # fmt: skip


# Small words


def _name(one: Entry) -> str:
    return f"{one.folder}.{one.name}"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _text(description: str) -> Schema:
    return {"type": ["string", "null"], "description": description}


def _id() -> Schema:
    return _text("Its name; when empty that of its class.")


def _list(description: str, item: Schema) -> Schema:
    return {"description": description, "type": ["array", "null"], "items": item}


def _one_or_many(item: Schema) -> Schema:
    # Not `anyOf`: a validator could not say which of the two was meant, and so what is wrong.
    return {"if": {"type": "array"}, "then": {"items": item}, "else": item}


def _or_null(item: Schema) -> Schema:
    return {"if": {"not": {"type": "null"}}, "then": item}
