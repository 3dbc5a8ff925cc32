"""A question asked of an event's columns: SQL, parsed and type-checked before it runs, never string-pasted.

The language is the boolean and number expressions of SQL over ``event.COLUMNS``. It is parsed by sqlglot, so the same
expression renders for DuckDB, Spark and PostgreSQL. Only the nodes listed here are accepted: no sub-queries, no
functions with side effects, nothing that is not about one event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bongsu.event import COLUMNS, FEATURES, FeatureKind, Kind, feature_column, feature_of

NUMERIC = ("int", "number")


class ExpressionError(ValueError):
    """An expression that cannot be used. ``offset`` is the character where it goes wrong."""

    def __init__(self, offset: int, expected: str, came: str, hint: str = "") -> None:
        super().__init__(f"expected {expected}, came {came}" + (f"; {hint}" if hint else ""))
        self.offset, self.expected, self.came, self.hint = offset, expected, came, hint


@dataclass(frozen=True)
class Expression:
    """A checked expression. Equal texts are equal; ``kind`` is ``bool``, ``int``, ``number`` or ``text``.

    ``columns`` are those of the stored table; a feature's is the one that holds values of its declared type.
    """

    text: str
    kind: Kind
    columns: tuple[str, ...] = ()

    def tree(self) -> exp.Expr:
        """A fresh syntax tree, to be built into a larger query."""
        tree = _parse(self.text).copy()
        stored = {feature_of(name)[0]: name for name in self.columns if name.startswith(FEATURES)}
        if not stored:
            return tree

        def renamed(node: exp.Expr) -> exp.Expr:
            if not isinstance(node, exp.Column) or not node.table:
                return node
            name = feature_column(node.table, cast(FeatureKind, node.name)) if node.db else stored[_feature(node)]
            return exp.column(exp.to_identifier(name, quoted=True))

        return tree.transform(renamed)

    def __str__(self) -> str:
        return self.text


def read(text: str, want: str = "bool", columns: Mapping[str, Kind] = COLUMNS) -> Expression:
    """Parse and check; ``want`` is ``bool``, ``number`` (whole or not) or ``any``.

    >>> read("grounding_score < 0.5 AND model IN ('a', 'b')").columns
    ('grounding_score', 'model')
    >>> read("tokns > 5")
    Traceback (most recent call last):
    ...
    bongsu.expression.ExpressionError: expected a column of the event, came 'tokns'; did you mean 'input_tokens'?
    """
    tree = _parse(text)
    kind = _Checker(text, columns).kind(tree)
    fits = want == "any" or (want == "bool") == (kind == "bool")
    if kind == "null" or not fits or (want == "number" and kind not in NUMERIC):
        noun = "a condition (true or false)" if want == "bool" else "a number"
        hint = "compare it with something, as in 'status >= 500'" if want == "bool" else ""
        raise ExpressionError(0, noun, f"{_NAMES[kind]} in {text!r}", hint)
    names = dict.fromkeys(_stored(c, columns) for c in tree.find_all(exp.Column))
    return Expression(text, cast(Kind, kind), tuple(names))


def feature(name: str, kind: FeatureKind) -> Expression:
    """A feature's values of one type, whatever type the policy declares.

    >>> feature("age", "text").tree().sql("duckdb")
    '"features.age.text"'
    """
    quoted = exp.to_identifier(name, quoted=True).sql("duckdb")
    return Expression(f"{FEATURES}{quoted}.{kind}", kind, (feature_column(name, kind),))


def either(parts: Sequence[Expression], link: str = " OR ") -> Expression:
    """Conditions in one, joined by OR (or by AND).

    >>> either([read("blocked"), read("stream AND fallback")]).text
    '(blocked) OR (stream AND fallback)'
    """
    columns = dict.fromkeys(c for part in parts for c in part.columns)
    return Expression(link.join(f"({part.text})" for part in parts), "bool", tuple(columns))


def _feature(node: Any) -> str:
    """The feature that a column node of the form ``features.NAME`` names; the case of its letters counts."""
    return str(node.name)


def _stored(node: Any, columns: Mapping[str, Kind]) -> str:
    if not node.table:
        return str(node.name.lower())
    return feature_column(_feature(node), cast(FeatureKind, columns[FEATURES + _feature(node)]))


_NAMES = {"text": "a text", "int": "a whole number", "number": "a number", "bool": "a condition", "null": "NULL"}


@lru_cache(maxsize=4096)
def _parse(text: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, read="duckdb")
    except SqlglotError as error:
        detail: dict[str, Any] = (getattr(error, "errors", None) or [{}])[0]
        column = int(detail.get("col") or 1)
        found = detail.get("highlight") or text
        raise ExpressionError(max(0, column - 1), "a SQL expression", repr(found)) from None
    if len(trees) != 1 or trees[0] is None:
        raise ExpressionError(0, "one SQL expression", repr(text))
    return trees[0]


class _Checker:
    """Gives every node a type, or says what is wrong with it and where."""

    def __init__(self, text: str, columns: Mapping[str, Kind]) -> None:
        self.text, self.columns = text, columns

    def kind(self, node: Any) -> str:
        for types, rule in _RULES:
            if isinstance(node, types):
                return str(rule(self, node))
        raise self.wrong(node, "a comparison, arithmetic or a listed function over the event's columns",
                         repr(node.sql("duckdb")), "see docs: expressions")

    def wrong(self, node: Any, expected: str, came: str, hint: str = "") -> ExpressionError:
        found = next((n for n in node.walk() if n.meta.get("start") is not None), None)
        return ExpressionError(found.meta["start"] if found else 0, expected, came, hint)

    def want(self, node: Any, kinds: tuple[str, ...], noun: str) -> str:
        kind = self.kind(node)
        if kind not in (*kinds, "null"):
            raise self.wrong(node, noun, f"{_NAMES[kind]}: {node.sql('duckdb')}")
        return kind

    def alike(self, node: Any, parts: list[Any]) -> str:
        kinds = {k for k in map(self.kind, parts) if k != "null"}
        if len(kinds) > 1 and not kinds <= set(NUMERIC):
            names = " and ".join(sorted(_NAMES[k] for k in kinds))
            raise self.wrong(node, "two values of one type", f"{names} in {node.sql('duckdb')}")
        return "number" if len(kinds) > 1 else next(iter(kinds), "null")

    # ---- one rule per family of nodes ----

    def paren(self, node: Any) -> str:
        return self.kind(node.this)

    def column(self, node: Any) -> str:
        name = FEATURES + _feature(node) if node.table.lower() == FEATURES[:-1] else node.name.lower()
        if bool(node.table) != name.startswith(FEATURES) or node.args.get("db") or name not in self.columns:
            close = get_close_matches(name, self.columns, 1, 0.5)
            raise self.wrong(node, "a column of the event", repr(node.sql("duckdb")),
                             f"did you mean '{close[0]}'?" if close else "")
        return self.columns[name]

    def literal(self, node: Any) -> str:
        return "text" if node.is_string else "int" if node.is_int else "number"

    def logic(self, node: Any) -> str:
        for part in [node.this, node.args.get("expression")]:
            if part is not None:
                self.want(part, ("bool",), "a condition")
        return "bool"

    def compare(self, node: Any) -> str:
        self.alike(node, [node.this, node.expression])
        return "bool"

    def member(self, node: Any) -> str:
        if not node.expressions:
            raise self.wrong(node, "a list of values after IN", node.sql("duckdb"))
        self.alike(node, [node.this, *node.expressions])
        return "bool"

    def between(self, node: Any) -> str:
        self.alike(node, [node.this, node.args["low"], node.args["high"]])
        return "bool"

    def like(self, node: Any) -> str:
        for part in (node.this, node.expression):
            self.want(part, ("text",), "a text")
        return "bool"

    def arithmetic(self, node: Any) -> str:
        kinds = {self.want(p, NUMERIC, "a number") for p in (node.this, node.expression)}
        return "number" if isinstance(node, exp.Div) or "number" in kinds else "int"

    def sign(self, node: Any) -> str:
        return self.want(node.this, NUMERIC, "a number")

    def length(self, node: Any) -> str:
        self.want(node.this, ("text",), "a text")
        return "int"

    def case(self, node: Any) -> str:
        return self.want(node.this, ("text",), "a text")

    def as_number(self, node: Any) -> str:
        """A text read as a number; NULL where it is none, never an error."""
        if not node.args["to"].is_type("double"):
            raise self.wrong(node, "TRY_CAST(… AS DOUBLE)", repr(node.sql("duckdb")))
        self.want(node.this, ("text", *NUMERIC), "a text or a number")
        return "number"

    def chosen(self, node: Any) -> str:
        if node.this is not None:
            raise self.wrong(node, "CASE WHEN condition THEN value … END", repr(node.sql("duckdb")))
        for branch in node.args["ifs"]:
            self.want(branch.this, ("bool",), "a condition")
        values = [branch.args["true"] for branch in node.args["ifs"]]
        return self.alike(node, [*values, *([node.args["default"]] if node.args.get("default") else [])])

    def coalesce(self, node: Any) -> str:
        return self.alike(node, [node.this, *node.expressions])


_RULES: list[tuple[Any, Any]] = [
    (exp.Paren, _Checker.paren),
    (exp.Column, _Checker.column),
    (exp.Literal, _Checker.literal),
    (exp.Boolean, lambda self, node: "bool"),
    (exp.Null, lambda self, node: "null"),
    ((exp.And, exp.Or, exp.Not), _Checker.logic),
    ((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ), _Checker.compare),
    (exp.In, _Checker.member),
    (exp.Between, _Checker.between),
    ((exp.Like, exp.ILike), _Checker.like),
    ((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _Checker.arithmetic),
    ((exp.Neg, exp.Abs), _Checker.sign),
    (exp.Length, _Checker.length),
    ((exp.Lower, exp.Upper), _Checker.case),
    (exp.TryCast, _Checker.as_number),
    (exp.Case, _Checker.chosen),
    (exp.Coalesce, _Checker.coalesce),
]
