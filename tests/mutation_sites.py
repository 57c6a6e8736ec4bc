"""Where a source file can be changed in a small way, and the tree after such a change."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

COMPARE: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
BINARY: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
SKIPPED = {"annotation", "returns", "decorator_list"}  # fields that do not run, or run once


class Mutant(NamedTuple):
    """One change: the file, the function, its number there, and its name, which says what."""

    file: str
    where: str
    number: int
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}  (line {self.line})"


class Site(NamedTuple):
    """A place in a tree, where it is in its parent, and what could stand there."""

    where: str
    parent: Any
    field: str
    index: int | None
    old: Any
    new: Any


def flipped(node: ast.Compare) -> Iterator[ast.AST]:
    for i, op in enumerate(node.ops):
        new = copy.copy(node)
        new.ops = [*node.ops[:i], COMPARE[type(op)](), *node.ops[i + 1 :]]
        yield new


def with_field(node: Any, **fields: Any) -> Any:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def constants(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)


def is_constant(value: ast.expr | None) -> bool:
    """Whether what is returned is nothing, or changes by itself: False to True, 0 to 1."""
    return value is None or (
        isinstance(value, ast.Constant) and isinstance(value.value, (int, float, type(None)))
    )


def negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def dropped(node: Any) -> Iterator[ast.AST]:
    """A statement is left out."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    names = isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Name, ast.Tuple))
    if not is_text and not names:
        yield ast.Pass()


CHANGES: dict[type, Callable[[Any], Iterator[ast.AST]]] = {
    ast.Compare: flipped,
    ast.Constant: constants,
    ast.BoolOp: lambda n: iter(
        [with_field(n, op=ast.Or() if isinstance(n.op, ast.And) else ast.And())]
    ),
    ast.UnaryOp: lambda n: iter([n.operand]),
    ast.BinOp: lambda n: iter(
        [with_field(n, op=BINARY[type(n.op)]())] if type(n.op) in BINARY else []
    ),
    ast.AugAssign: lambda n: iter([ast.Pass()]),
    ast.Assign: dropped,
    ast.Expr: dropped,
    ast.Raise: dropped,
    ast.Break: lambda n: iter([ast.Continue()]),
    ast.Continue: lambda n: iter([ast.Break()]),
    ast.If: lambda n: iter([with_field(n, test=negated(n.test))]),
    ast.IfExp: lambda n: iter([with_field(n, body=n.orelse, orelse=n.body)]),
    ast.Return: lambda n: iter([] if is_constant(n.value) else [ast.Return(ast.Constant(None))]),
}


def is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def places(parent: Any, where: str = "") -> Iterator[Site]:
    """Every change of what is below a node, outermost first."""
    for field, value in ast.iter_fields(parent):
        if field in SKIPPED or (isinstance(parent, ast.Subscript) and field == "ctx"):
            continue
        children = value if isinstance(value, list) else [value]
        for i, node in enumerate(children):
            if not isinstance(node, ast.AST) or isinstance(node, ast.JoinedStr) or is_typing(node):
                continue  # texts of errors have tests of their own
            if "__slots__" in (ast.unparse(node) if isinstance(node, ast.Assign) else ""):
                continue
            inner = where
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                inner = f"{where}.{node.name}".lstrip(".")
            index = i if isinstance(value, list) else None
            for new in CHANGES.get(type(node), lambda n: iter(()))(node):
                yield Site(inner, parent, field, index, node, new)
            yield from places(node, inner)


def shown(node: ast.AST) -> str:
    """A node in one short line."""
    if isinstance(node, (ast.If, ast.While)):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())[:70]


def mutants(file: str, source: str) -> list[Mutant]:
    """Every change of a file; equal ones in a function are told apart by a number."""
    found, seen = [], {}
    for number, site in enumerate(places(ast.parse(source))):
        name = f"{file} {site.where}: {shown(site.old)} -> {shown(site.new)}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name += f" #{seen[name]}"
        found.append(Mutant(file, site.where, number, site.old.lineno, name))
    return found


def changed(source: str, number: int) -> ast.Module:
    """The tree of a source with one change."""
    tree = ast.parse(source)
    for k, site in enumerate(places(tree)):
        if k == number:
            new = ast.copy_location(site.new, site.old)
            if site.index is None:
                setattr(site.parent, site.field, new)
            else:
                getattr(site.parent, site.field)[site.index] = new
            return ast.fix_missing_locations(tree)
    raise IndexError(f"there are fewer than {number} changes")
