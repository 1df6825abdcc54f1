"""Write web/src/api/schema.gen.ts from src/netscope/schema/: the nouns, spelt the same in TypeScript.

The source is read, not imported: names of aliases, the order of fields and the docstrings under them are part of
what is generated. A struct becomes an interface, an `array_like` one a labelled tuple, an alias a type, a tuple of
words a constant.

    python scripts/schema_ts.py           write the file
    python scripts/schema_ts.py --check   fail if the file is not what would be written
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/netscope/schema"
TARGET = ROOT / "web/src/api/schema.gen.ts"
HEADER = "/** Written by scripts/schema_ts.py from src/netscope/schema/; do not edit: `make schema`. */\n"
WORDS = {"str": "string", "int": "number", "float": "number", "bool": "boolean", "bytes": "string", "Any": "unknown"}
WIDTH = 120


class UnknownType(ValueError):
    """An annotation that this script has no TypeScript for."""


def typescript(node: ast.expr) -> str:
    """An annotation in TypeScript.

    Raises:
        UnknownType: It uses something that the schema has not used so far.
    """
    match node:
        case ast.Constant(value=None):
            return "null"
        case ast.Constant(value=str(name)):  # a forward reference
            return typescript(ast.parse(name, mode="eval").body)
        case ast.Name(id=name):
            return WORDS.get(name, name)
        case ast.BinOp(op=ast.BitOr()):
            parts = [typescript(part) for part in members(node)]
            if {"int", "float"} <= {part.id for part in members(node) if isinstance(part, ast.Name)}:
                parts.insert(parts.index("number") + 1, "bigint")  # whole numbers beyond 2**53
            return union(parts)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=literals):
            values = literals.elts if isinstance(literals, ast.Tuple) else [literals]
            return " | ".join(literal(value) for value in values)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            inner = typescript(item)
            return f"({inner})[]" if " " in inner else f"{inner}[]"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, value])):
            return f"Record<{typescript(key)}, {typescript(value)}>"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=items)):
            return "[" + ", ".join(typescript(item) for item in items) + "]"
    raise UnknownType(f"line {node.lineno}: no TypeScript for `{ast.unparse(node)}`")


def members(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of `a | b | c`."""
    if isinstance(node, ast.BinOp):
        yield from members(node.left)
        yield from members(node.right)
    else:
        yield node


def union(parts: list[str]) -> str:
    """The parts once each; a plain string is kept apart from its literals, so that editors still offer these."""
    unique = list(dict.fromkeys(parts))
    if "string" in unique and any("'" in part for part in unique):
        unique[unique.index("string")] = "(string & {})"
    return " | ".join(unique)


def literal(node: ast.expr) -> str:
    """A value inside `Literal[…]`."""
    if not isinstance(node, ast.Constant):
        raise UnknownType(f"line {node.lineno}: not a literal: `{ast.unparse(node)}`")
    return repr(node.value) if isinstance(node.value, str) else str(node.value).lower()


def comment(text: str | None, indent: str = "") -> str:
    """A docstring as JSDoc; '' if there is none."""
    if not text:
        return ""
    lines = text.strip().replace("*/", "* /").splitlines()
    one = f"{indent}/** {lines[0]} */\n"
    if len(lines) == 1 and len(one) <= WIDTH:
        return one
    return f"{indent}/**\n" + "".join(f"{indent} * {line.strip()}".rstrip() + "\n" for line in lines) + f"{indent} */\n"


def documented(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str | None]]:
    """Statements, each with the docstring that stands under it."""
    for statement, after in zip(body, [*body[1:], None], strict=True):
        match after:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield statement, text
            case _:
                yield statement, None


def declaration(noun: ast.ClassDef) -> str:
    """A struct as an interface, or as a tuple if it travels as an array.

    Fields with a default may be left out of what the page sends (a request); what the server sends is always whole.
    """
    is_array = any(word.arg == "array_like" for word in noun.keywords)
    is_request = noun.name.endswith("Request")
    tag = next((word.value for word in noun.keywords if word.arg == "tag"), None)
    fields: list[tuple[str, str, str, str | None]] = [] if tag is None else [("type", "", literal(tag), None)]
    for statement, text in documented(noun.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            optional = "?" if is_request and statement.value is not None else ""
            fields.append((statement.target.id, optional, typescript(statement.annotation), text))
    head = comment(ast.get_docstring(noun))
    if is_array:
        return (
            f"{head}export type {noun.name} = [" + ", ".join(f"{name}: {kind}" for name, _, kind, _ in fields) + "];\n"
        )
    lines = (f"{comment(text, '  ')}  {name}{optional}: {kind};\n" for name, optional, kind, text in fields)
    return f"{head}export interface {noun.name} {{\n" + "".join(lines) + "}\n"


def generate(folder: Path) -> str:
    """The whole TypeScript file for a folder of schemas.

    Raises:
        UnknownType: An annotation has no TypeScript; the message names the file and the line.
    """
    parts = [HEADER]
    for path in sorted(folder.glob("*.py")):
        try:
            parts += declarations(path.read_text(encoding="utf-8"))
        except UnknownType as error:
            raise UnknownType(f"{path.name}, {error}") from None
    return "\n".join(parts)


def declarations(source: str) -> Iterator[str]:
    """The aliases, structs and constants of one file in TypeScript."""
    for statement, text in documented(ast.parse(source).body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple(elts=words)):
                yield f"{comment(text)}export const {name} = [{', '.join(map(literal, words))}] as const;\n"
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield f"{comment(text)}export type {name} = {typescript(value)};\n"
            case ast.ClassDef(name=name) if name != "Noun":
                yield declaration(statement)


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    wanted = generate(SOURCE)
    if "--check" not in arguments:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(wanted, encoding="utf-8")
        return 0
    found = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if found == wanted:
        return 0
    sys.stderr.write(f"{TARGET.relative_to(ROOT)} is not what schema/ says: run `make schema` and commit it\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
