"""Formulas over columns: a text read once into a tree, and a tree to a value. No names but columns."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

When = Literal["now", "prior", "opening"]


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number as written."""

    value: float


@dataclass(frozen=True, kw_only=True)
class Name:
    """A column, of this period or of another; `unused` stands in for one the company never reports."""

    column: str
    when: When = "now"
    unused: float | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Two expressions and what is done with them."""

    sign: str
    left: Expression
    right: Expression


Expression: TypeAlias = Number | Name | Operation
Look: TypeAlias = Callable[[Name], float | None]

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([a-z][a-z0-9_]*~?)|([-+*/()]))")


def parse(text: str) -> Expression:
    """The tree of a formula.

    Grammar: numbers, columns, prior(column), average(column), a leading minus, + - * / and parentheses.
    `average(x)` becomes half the sum of the opening and the closing balance.

    Raises:
        ValueError: the text is no formula; the message says where.
    """
    reader = _Reader(text)
    tree = reader.sum()
    if reader.token:
        raise reader.wrong()
    return tree


class _Reader:
    """Recursive descent over one formula."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    @property
    def token(self) -> str:
        """The next token; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, *wanted: str) -> str:
        """The next token where it is one of those wanted; else nothing is taken."""
        token = self.token
        if not token or token not in wanted:
            return ""
        self._at += 1
        return token

    def wrong(self) -> ValueError:
        """What is not understood, and where."""
        return ValueError(f"{self._text!r} is no formula: {self.token or 'its end'!r} was not expected")

    def sum(self) -> Expression:
        """Terms with + and - between."""
        tree = self.product()
        while sign := self.take("+", "-"):
            tree = Operation(sign=sign, left=tree, right=self.product())
        return tree

    def product(self) -> Expression:
        """Factors with * and / between."""
        tree = self.factor()
        while sign := self.take("*", "/"):
            tree = Operation(sign=sign, left=tree, right=self.factor())
        return tree

    def factor(self) -> Expression:
        """A number, a column, a column of another period, or something in parentheses."""
        if self.take("-"):
            return Operation(sign="-", left=Number(value=0.0), right=self.factor())
        if self.take("("):
            tree = self.sum()
            self._close()
            return tree
        token = self.token
        if not token[:1].isalnum():
            raise self.wrong()
        self._at += 1
        if token[0].isdigit():
            return Number(value=float(token))
        if token in ("prior", "average"):
            return self._other_period(token)
        return _name(token, "now")

    def _other_period(self, which: str) -> Expression:
        if not self.take("(") or not self.token[:1].isalpha():
            raise self.wrong()
        column = self.token
        self._at += 1
        self._close()
        if which == "prior":
            return _name(column, "prior")
        both = Operation(sign="+", left=_name(column, "opening"), right=_name(column, "now"))
        return Operation(sign="/", left=both, right=Number(value=2.0))

    def _close(self) -> None:
        if not self.take(")"):
            raise self.wrong()


def _tokens(text: str) -> Iterator[str]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"{text!r} is no formula: {text[at:].strip()!r} was not expected")
        yield found.group(0).strip()
        at = found.end()


def _name(token: str, when: When) -> Name:
    return Name(column=token.rstrip("~"), when=when, unused=0.0 if token.endswith("~") else None)


def names(tree: Expression) -> Iterator[Name]:
    """Every column that an expression asks for, in order of writing, repeats included."""
    if isinstance(tree, Name):
        yield tree
    elif isinstance(tree, Operation):
        yield from names(tree.left)
        yield from names(tree.right)


def evaluate(tree: Expression, look: Look) -> float | None:
    """The value of an expression; None where a part is unknown, a denominator zero, or it is not finite."""
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Name):
        return look(tree)
    left, right = evaluate(tree.left, look), evaluate(tree.right, look)
    if left is None or right is None or (tree.sign == "/" and right == 0):
        return None
    value = _apply(tree.sign, left, right)
    return value if math.isfinite(value) else None


def _apply(sign: str, left: float, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    return left * right if sign == "*" else left / right
