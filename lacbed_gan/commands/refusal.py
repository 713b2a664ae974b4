"""Why a schema refuses settings: one line that names the key, its value and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

Node = dict[str, Any]  # of a JSON schema


def refusal(error: ValidationError, schema: type[BaseModel], values: Mapping[str, Any]) -> str:
    """The first thing that is wrong, unknown keys before anything else.

    Args:
        values: plain ones, which the schema has refused.
    """
    problem = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    root = schema.model_json_schema()
    node, value, path = _applying(root, root, values), values, []
    for part in problem["loc"]:  # the others name alternatives of a union, or the place in a list
        if isinstance(value, Mapping) and part in value:
            inner = node.get("properties", {}).get(part)
            if inner is None:
                return unknown_key(".".join([*path, str(part)]), node)
            path, value, node = [*path, str(part)], value[part], _applying(inner, root, value[part])
    key = ".".join(path)
    if problem["type"] == "value_error":
        text = str(problem["ctx"]["error"])
        return text if not key or text.startswith(path[0]) else f"{key}: {text}"
    if problem["type"] == "missing" and isinstance(value, Mapping):
        return f"{'.'.join(map(str, problem['loc']))} is needed"
    if problem["type"].startswith("union_tag"):
        choices = problem["ctx"].get("expected_tags", "").replace("'", "")
        return f"{key}.name={typed(value.get('name'))} is not one of {choices}"
    if value is None and key in places(schema):
        return f"{key}=… is needed, {allowed(node, root)}"
    return f"{key}={typed(value)} is not {allowed(node, root)}"


def unknown_key(key: str, node: Node) -> str:
    """The line on a key that a mapping has not, with those it has."""
    outer = key.rpartition(".")[0]
    return f"unknown key '{key}'; keys{f' of {outer}' if outer else ''} are {', '.join(node.get('properties', ()))}"


def typed(value: object) -> str:
    """A value as one types it: null, true, [50,100]."""
    if isinstance(value, str):
        return value
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace('"', "")
    return text.replace("NaN", "nan").replace("Infinity", "inf")


def allowed(node: Node, root: Node) -> str:
    """The values that a schema takes, in words."""
    node = _applying(node, root, {})
    if node.get("type") == "object" or "discriminator" in node:
        return "a mapping"
    if "description" in node:
        return node["description"]
    if "anyOf" in node:
        parts = sorted(node["anyOf"], key=lambda part: part.get("type") != "null")
        if all(part.get("type") == "null" or "enum" in part or "const" in part for part in parts):
            choices = [choice for part in parts for choice in part.get("enum", [part.get("const")])]
            return f"one of {', '.join(map(typed, choices))}"
        return " or ".join(allowed(part, root) for part in parts if part.get("type") != "null")
    if "enum" in node:
        return f"one of {', '.join(map(typed, node['enum']))}"
    if "const" in node:
        return typed(node["const"])
    kind = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list"}
    word = kind.get(node.get("type", ""), "a text")
    if node.get("exclusiveMinimum") == 0 and "maximum" not in node and "exclusiveMaximum" not in node:
        return word.replace("a ", "a positive ", 1)
    return word + _range(node)


def places(schema: type[BaseModel]) -> frozenset[str]:
    """The dotted keys that take paths, or lists of them."""
    root = schema.model_json_schema()

    def walk(node: Node, key: str) -> Iterator[str]:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        if node.get("format") == "path":
            yield key
        for part in (one for word in ("anyOf", "oneOf") for one in node.get(word, ())):
            yield from walk(part, key)
        if "items" in node:
            yield from walk(node["items"], key)
        for name, part in node.get("properties", {}).items():
            yield from walk(part, f"{key}.{name}" if key else name)

    return frozenset(walk(root, ""))


def _applying(node: Node, root: Node, value: object) -> Node:
    """The schema of a value: references followed, and alternatives chosen by their names."""
    while True:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        elif "discriminator" in node and isinstance(value, Mapping):
            choice = node["discriminator"]["mapping"].get(value.get("name"))
            if choice is None:
                return node
            node = {"$ref": choice}
        elif isinstance(value, Mapping) and (parts := [part for part in node.get("anyOf", ()) if "$ref" in part]):
            node = parts[0]  # a mapping or null
        else:
            return node


def _range(node: Node) -> str:
    least, most, below = node.get("minimum"), node.get("maximum"), node.get("exclusiveMaximum")
    if least is None:
        return "" if most is None else f" up to {most:g}"
    if below is not None:
        return f" from {least:g} up to, but not including, {below}"
    return f" from {least:g} up" if most is None else f" from {least:g} to {most:.12g}"
