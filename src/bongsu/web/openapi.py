"""The API's description, made from its own table, so that it cannot lie about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bongsu import __version__
from bongsu.web.access import Way

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {
    "type": "object", "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}}}}}
_FAILURE = {"description": "an error that says what to do",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _operation(way: Way) -> dict[str, Any]:
    summary = (way.handler.__doc__ or "").strip().split("\n")[0]
    out: dict[str, Any] = {
        "operationId": f"{way.method.lower()}{re.sub(r'[^a-z0-9]+', '_', way.path.lower()).rstrip('_')}",
        "summary": summary,
        "security": [] if way.access == "public" else [
            {"token": []}, *([{"session": []}] if way.access in ("admin", "reviewer") and not way.raw else [])],
        "responses": {"200": {"description": "OK"}, "default": _FAILURE},
    }
    names = re.findall(r"{(\w+)", way.path)
    if names or way.query:
        out["parameters"] = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
        out["parameters"] += [{"name": n, "in": "query", "description": text, "schema": {"type": "string"}}
                              for n, text in way.query.items()]
    if way.body:
        properties = {name: {"type": "boolean" if text.startswith("boolean") else "string", "description": text}
                      for name, text in way.body.items()}
        out["requestBody"] = {"required": True, "content": {"application/json": {
            "schema": {"type": "object", "required": list(properties), "properties": properties}}}}
    return out


def describe(ways: Iterable[Way]) -> dict[str, Any]:
    """OpenAPI 3.1 of every way that is not a page."""
    paths: dict[str, dict[str, Any]] = {}
    for way in ways:
        if not way.page:
            paths.setdefault(way.path.replace(":path", ""), {})[way.method.lower()] = _operation(way)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bongsu control", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"},
                                "session": {"type": "apiKey", "in": "cookie", "name": "bongsu"}},
        },
    }
