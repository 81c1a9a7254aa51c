"""What a key may be set to, in words: from the schema of the configuration, and from the signatures of targets."""

import inspect
import typing
from typing import Any

from pydantic import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, TypeAdapter

from exp.config.choices import LOGGER
from exp.config.schema import SECTIONS, VARIANTS, Config, Data
from exp.config.target_names import SECTIONS_WITH_TARGET
from exp.config.targets import locate


def allowed(path: str, *, choice: str, target: str | None) -> str:
    """What the schema says of a key; empty if it says nothing.

    Args:
        path: of the key, such as `data.batch_size`.
        choice: of its group, by which the keys of a device or a schedule differ.
        target: what the choice's `_target_` names.
    """
    section, _, name = path.rpartition(".")
    if section == LOGGER:
        return ""  # a logger without settings
    fields = {key: field.rebuild_annotation() for key, field in _model(section, choice).model_fields.items()}
    if section in SECTIONS_WITH_TARGET and name not in fields and target:
        fields = typing.get_type_hints(locate(section, target, trusted=()), include_extras=True)
    if path.startswith("hydra.launcher.") and target:
        module, _, of_class = target.rpartition(".")
        fields = typing.get_type_hints(getattr(__import__(module, fromlist=[of_class]), of_class).__init__)
    return _of_annotation(fields[name]) if name in fields else ""


def _model(section: str, choice: str) -> Any:
    """The schema of a section; that of the whole for what has none."""
    if section in VARIANTS:
        return VARIANTS[section][choice]
    annotation = Config.model_fields[section].annotation if section in Config.model_fields else None
    return SECTIONS.get(section) or (annotation if inspect.isclass(annotation) else Config if not section else Data)


def _of_annotation(annotation: Any) -> str:
    try:
        schema = TypeAdapter(annotation).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return ""
    return _words(schema, schema.get("$defs", {}))


def _words(schema: dict[str, Any], known: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in schema:
        return _words(known[schema["$ref"].rpartition("/")[2]], known)
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return ", or ".join(dict.fromkeys(filter(None, (_words(one, known) for one in several))))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return _list(schema, known)
    if schema.get("type") == "object":
        return _node(schema, known)
    simple = {"null": "`null`", "boolean": "`true`, or `false`", "string": "text"}
    kind = schema.get("type", "")
    return simple.get(kind, f"{kind}{_bounds(schema)}")


def _list(schema: dict[str, Any], known: dict[str, Any]) -> str:
    items = _words(schema.get("items", {}), known)
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    length = f" of {least}" if least == most else f" of at least {least}" if least else ""
    return f"list{length} (each {items})" if items else f"list{length}"


def _bounds(schema: dict[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    found = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    return f" {' and '.join(found)}" if found else ""


def _node(schema: dict[str, Any], known: dict[str, Any]) -> str:
    """A mapping; one of the schema's own with its keys, and a `Target` as a user writes it."""
    keys = schema.get("properties", {})
    if "arguments" in keys:
        more = "".join(f", `{key}`: {_words(keys[key], known)}" for key in keys if key not in ("name", "arguments"))
        return f"node with a `_target_`{more}"
    if not keys:
        values = schema.get("additionalProperties")
        return f"mapping to {_words(values, known)}" if isinstance(values, dict) and values else "mapping"
    name = keys.get("name", {}).get("const")
    more = "; ".join(f"`{key}`: {_words(value, known)}" for key, value in keys.items() if key != "name" or not name)
    return f"`{name}`{f' ({more})' if more else ''}"
