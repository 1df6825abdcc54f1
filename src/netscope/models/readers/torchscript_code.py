"""Follow the code of TorchScript modules as a graph: every call of an operator is a node, nothing is computed.

Calls of modules are entered and become scopes. What a condition says is decided only where it depends on nothing but
numbers and texts that stand in the code or the module's attributes (`self.training`); other branches become a node
`prim::If` with a scope for each branch, loops a node `prim::Loop`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netscope.models.builder import GraphBuilder
from netscope.models.readers.pickles import Global, Record
from netscope.models.readers.pytorch_arrays import Array
from netscope.models.readers.torchscript_values import (
    ARGUMENTS,
    CASTS,
    OPERATORS,
    UNKNOWN,
    Module,
    Name,
    Unreadable,
    Wire,
    assigned,
    folded,
    is_plain,
    is_sequence,
    op_name,
    shown,
    wires,
)  # fmt: skip

Code = dict[str, ast.ClassDef | ast.FunctionDef]
"""Classes and functions by their whole names."""
MOST_NODES = 200_000
MOST_STEPS = 1_000_000
DEEPEST_CALL = 60


@dataclass
class _Frame:
    """One call of a function."""

    scope: int
    path: str
    """Of the module around it."""
    names: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    has_returned: bool = False


class Interpreter:
    """Follows code; what it meets goes into the builder."""

    def __init__(
        self, builder: GraphBuilder, code: Code, values: Mapping[str, int], constants: Mapping[str, int]
    ) -> None:
        """Begin.

        Args:
            builder: Has the tree of modules and the values of their tensors already.
            code: Classes and functions by their whole names.
            values: Those values by the paths of the tensors.
            constants: Values by the names that the code has for them.
        """
        self.builder, self.code, self.values, self.constants = builder, code, values, constants
        self.depth = self.n_steps = 0
        self.calls: dict[str, int] = {}
        self.counts: dict[tuple[int, str], int] = {}

    def run(self, root: Record) -> None:
        """Follow `forward` of the root module.

        Raises:
            Unreadable: There is no such code, or it is not as TorchScript writes it.
        """
        function = self._method(root, "forward")
        given: list[Any] = []
        for argument in _arguments(function)[1:]:
            kind = ast.unparse(argument.annotation) if argument.annotation else ""
            value = self.builder.add_value(argument.arg, {"int": "int64", "float": "float64"}.get(kind, ""))
            self.builder.inputs.append(value)
            given.append(Wire(value))
        result = self._call(function, [Module("", root), *given], {}, _Frame(0, ""))
        self.builder.outputs += wires(result)

    def _method(self, record: Record, name: str) -> ast.FunctionDef:
        kind = str(record.kind) if isinstance(record.kind, Global) else ""
        found = self.code.get(kind)
        for statement in found.body if isinstance(found, ast.ClassDef) else ():
            if isinstance(statement, ast.FunctionDef) and statement.name == name:
                return statement
        raise Unreadable(f"the class {kind} has no method {name}")

    def _call(self, function: ast.FunctionDef, given: Sequence[Any], named: Mapping[str, Any], frame: _Frame) -> Any:
        """Follow a function in a new frame."""
        self.depth += 1
        if self.depth > DEEPEST_CALL:
            raise Unreadable("its calls are nested too deep")
        arguments = [argument.arg for argument in _arguments(function)]
        defaults = function.args.defaults
        for name, default in zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True):
            frame.names[name] = self._value(default, frame)
        frame.names.update(zip(arguments, given, strict=False))
        frame.names.update(named)
        self._block(function.body, frame, frozenset())
        self.depth -= 1
        return frame.result

    def _step(self) -> None:
        self.n_steps += 1
        if self.n_steps > MOST_STEPS or self.builder.n_nodes > MOST_NODES:
            raise Unreadable("it has too many operations")

    def _block(self, statements: Sequence[ast.stmt], frame: _Frame, after: frozenset[str]) -> None:
        """Follow statements; `after` are names that are read behind them."""
        last: dict[str, int] = {}
        if any(isinstance(statement, (ast.If, ast.For, ast.While)) for statement in statements):
            for i, statement in enumerate(statements):
                for node in ast.walk(statement):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                        self._step()
                        last[node.id] = i
        for i, statement in enumerate(statements):
            if frame.has_returned:
                return
            self._step()
            if isinstance(statement, (ast.If, ast.For, ast.While)):
                self._branching(statement, frame, after | {name for name, at in last.items() if at > i})
            else:
                self._statement(statement, frame)

    def _statement(self, statement: ast.stmt, frame: _Frame) -> None:
        if isinstance(statement, ast.Assign):
            self._assign(statement.targets[0], statement.value, frame)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, statement.value, frame)
        elif isinstance(statement, ast.AugAssign):
            self._assign(statement.target, ast.BinOp(statement.target, statement.op, statement.value), frame)
        elif isinstance(statement, ast.Expr):
            self._value(statement.value, frame)
        elif isinstance(statement, ast.Return):
            frame.result = self._value(statement.value, frame, "output") if statement.value else None
            frame.has_returned = True
        elif isinstance(statement, ast.With):
            for item in statement.items:
                self._value(item.context_expr, frame)
            self._block(statement.body, frame, frozenset())
        elif isinstance(statement, (ast.Assert, ast.Raise)):
            self._node("prim::RaiseException", [], {}, frame, 0)
        elif not isinstance(statement, (ast.Pass, ast.AnnAssign, ast.Break, ast.Continue, ast.Delete)):
            raise Unreadable(f"it has a statement {type(statement).__name__}")

    def _assign(self, target: ast.expr, value: ast.expr, frame: _Frame) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            names = [part.id if isinstance(part, ast.Name) else "_" for part in target.elts]
            found = self._value(value, frame, *names)
            parts = list(found) if is_sequence(found) else []
            if len(parts) != len(names):
                parts = self._node("prim::TupleUnpack", [found], {}, frame, len(names), names)
            frame.names.update(zip(names, parts, strict=True))
        elif isinstance(target, ast.Name):
            frame.names[target.id] = self._value(value, frame, target.id)
        elif isinstance(target, ast.Attribute):
            self._node("prim::SetAttr", [self._value(value, frame)], {"name": target.attr}, frame, 0)
        else:
            self._node("aten::_set_item", [self._value(value, frame)], {}, frame, 0)

    def _branching(self, statement: ast.If | ast.For | ast.While, frame: _Frame, after: Iterable[str]) -> None:
        is_if = isinstance(statement, ast.If)
        condition = self._value(statement.iter if isinstance(statement, ast.For) else statement.test, frame)
        if is_if and is_plain(condition):
            self._block(statement.body if condition else statement.orelse, frame, frozenset(after))
            return
        bodies = [statement.body, statement.orelse] if is_if else [statement.body]
        changed = [assigned(body) for body in bodies]
        anywhere, everywhere = set[str]().union(*changed), changed[0].intersection(*changed[1:])
        names = sorted((anywhere & frame.names.keys()) | (everywhere if is_if else set()))
        names = [name for name in names if name in after]
        op = "prim::If" if is_if else "prim::Loop"
        carried = [] if is_if else [frame.names[name] for name in names if name in frame.names]
        outputs = self._node(op, [condition, *carried], {}, frame, len(names), names)
        node = self.builder.n_nodes - 1
        around = self.builder.scope_name(frame.scope)
        title = self._numbered(frame.scope, "if" if is_if else "loop")
        for body, kind in zip(bodies, ("then", "else") if is_if else ("body",), strict=True):
            if not body or all(isinstance(one, ast.Pass) for one in body):
                continue
            path = ".".join(part for part in (around, title, kind) if part)
            scope = self.builder.add_scope(path, kind, parent=frame.scope, owner=node)
            inner = _Frame(scope, frame.path, dict(frame.names))
            if isinstance(statement, ast.For) and isinstance(statement.target, ast.Name):
                inner.names[statement.target.id] = Wire(self.builder.add_value(statement.target.id, "int64"))
            self._block(body, inner, frozenset(names))
            if inner.has_returned and isinstance(inner.result, Wire):
                frame.result = inner.result
        frame.names.update(zip(names, outputs, strict=True))

    def _value(self, node: ast.expr | None, frame: _Frame, *names: str) -> Any:
        """What an expression stands for; `names` are those of the variables that it is assigned to."""
        self._step()
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return frame.names[node.id] if node.id in frame.names else Name(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(self._value(node.value, frame), node.attr, frame)
        if isinstance(node, (ast.Tuple, ast.List)):
            parts = [self._value(part, frame) for part in node.elts]
            return tuple(parts) if isinstance(node, ast.Tuple) else parts
        if isinstance(node, ast.Dict):
            return [self._value(part, frame) for part in node.values]
        if isinstance(node, ast.Call):
            return self._called(node, frame, names)
        if isinstance(node, ast.Subscript):
            return self._subscript(self._value(node.value, frame), self._value(node.slice, frame), frame)
        if isinstance(node, ast.Slice):
            return UNKNOWN
        if isinstance(node, ast.BinOp):
            return self._operator(node.op, [node.left, node.right], frame, names)
        if isinstance(node, ast.UnaryOp):
            return self._operator(node.op, [node.operand], frame, names)
        if isinstance(node, ast.BoolOp):
            return self._operator(node.op, node.values, frame, names)
        if isinstance(node, ast.Compare):
            return self._operator(node.ops[0], [node.left, *node.comparators], frame, names)
        if isinstance(node, ast.IfExp):
            condition = self._value(node.test, frame)
            if is_plain(condition):
                return self._value(node.body if condition else node.orelse, frame, *names)
            branches = [self._value(node.body, frame), self._value(node.orelse, frame)]
            return self._node("prim::If", [condition, *branches], {}, frame, 1, names)[0]
        if isinstance(node, ast.JoinedStr):
            return ""
        raise Unreadable(f"it has an expression {type(node).__name__}")

    def _attribute(self, base: Any, name: str, frame: _Frame) -> Any:
        if isinstance(base, Name):
            if base.path == "CONSTANTS" and name in self.constants:
                return Wire(self.constants[name])
            return Name(f"{base.path}.{name}")
        if isinstance(base, Module):
            state = base.record.state
            found = state.get(name, UNKNOWN) if isinstance(state, dict) else UNKNOWN
            path = f"{base.path}.{name}" if base.path else name
            if isinstance(found, Array):
                return Wire(self.values[path]) if path in self.values else UNKNOWN
            return Module(path, found) if isinstance(found, Record) else found
        return self._node("prim::GetAttr", [base], {"name": name}, frame, 1, [name])[0]

    def _subscript(self, base: Any, index: Any, frame: _Frame) -> Any:
        if is_sequence(base) and isinstance(index, int) and -len(base) <= index < len(base):
            return base[index]
        if isinstance(base, Name):
            return base  # a type
        return self._node("aten::__getitem__", [base, index], {}, frame, 1)[0]

    def _operator(
        self,
        kind: ast.operator | ast.unaryop | ast.boolop | ast.cmpop,
        parts: Sequence[ast.expr],
        frame: _Frame,
        names: Sequence[str],
    ) -> Any:
        op = OPERATORS.get(type(kind))
        if op is None:
            raise Unreadable(f"it has an operator {type(kind).__name__}")
        return self._applied(f"aten::{op}", [self._value(part, frame) for part in parts], {}, frame, names)

    def _called(self, node: ast.Call, frame: _Frame, names: Sequence[str]) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id in ("annotate", "unchecked_cast") and len(node.args) == 2:
            return self._value(node.args[1], frame, *names)
        given = [self._value(argument, frame) for argument in node.args]
        named = {one.arg: self._value(one.value, frame) for one in node.keywords if one.arg}
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(given) == 2:
            return self._attribute(given[0], str(given[1]), frame)
        if isinstance(node.func, ast.Attribute):
            base = self._value(node.func.value, frame)
            if isinstance(base, Module):
                return self._method_called(base, node.func.attr, given, named, frame)
            target = self._attribute(base, node.func.attr, frame) if isinstance(base, Name) else None
            if target is None:
                return self._outputs(f"prim::CallMethod[{node.func.attr}]", [base, *given], named, frame, names)
        else:
            target = self._value(node.func, frame)
        path = target.path if isinstance(target, Name) else ""
        found = self.code.get(path)
        if isinstance(found, ast.FunctionDef):
            return self._call(found, given, named, _Frame(frame.scope, frame.path))
        if found is not None:
            return self._outputs("prim::CreateObject", given, {"class": path} | named, frame, names)
        if path == "uninitialized":
            return UNKNOWN
        op = CASTS.get(path)
        return self._applied(f"aten::{op}" if op else op_name(path), given, named, frame, names)

    def _method_called(
        self, module: Module, name: str, given: Sequence[Any], named: Mapping[str, Any], frame: _Frame
    ) -> Any:
        function = self._method(module.record, name)
        if module.path == frame.path:
            return self._call(function, [module, *given], named, _Frame(frame.scope, frame.path))
        n = self.calls[module.path] = self.calls.get(module.path, 0) + 1
        if n == 1:
            scope = self.builder.scope(module.path, module.record.class_name)
        else:
            path = f"{module.path} (call {n})"
            scope = self.builder.add_scope(path, module.record.class_name, parent=frame.scope)
        return self._call(function, [module, *given], named, _Frame(scope, module.path))

    def _applied(
        self, op: str, given: Sequence[Any], named: Mapping[str, Any], frame: _Frame, names: Sequence[str]
    ) -> Any:
        """The result of an operator: at once if it only depends on plain numbers, else a node."""
        if not named and (found := folded(op.removeprefix("aten::"), given)) is not UNKNOWN:
            return found
        if given and not named:
            if op in ("aten::__is__", "aten::__isnot__") and is_sequence(given[0]) and given[-1] is None:
                return op == "aten::__isnot__"
        return self._outputs(op, given, named, frame, names)

    def _outputs(
        self, op: str, given: Sequence[Any], named: Mapping[str, Any], frame: _Frame, names: Sequence[str]
    ) -> Any:
        if op == "prim::RaiseException" or (not names and op in ("aten::append", "aten::warn")):
            self._node(op, given, named, frame, 0)
            return None
        found = self._node(op, given, named, frame, max(1, len(names)), names)
        return tuple(found) if len(names) > 1 else found[0]

    def _node(
        self, op: str, given: Sequence[Any], named: Mapping[str, Any], frame: _Frame, n: int, names: Sequence[str] = ()
    ) -> list[Wire]:
        """Add a node; its results."""
        self._step()
        called = op.rpartition("::")[2]
        known = ARGUMENTS.get(called, ())
        inputs, input_names, said = list[int](), list[str](), dict[str, Any]()
        positional = [(known[i] if i < len(known) else f"argument_{i}", one) for i, one in enumerate(given)]
        for name, one in (*positional, *named.items()):
            found = wires(one)
            inputs += found
            input_names += [name] if len(found) == 1 else [f"{name}.{i}" for i in range(len(found))]
            if not found and (text := shown(one)) is not UNKNOWN:
                said[name] = text
        outputs = [self.builder.add_value(names[i] if i < len(names) else "") for i in range(n)]
        around = self.builder.scope_name(frame.scope)
        own = self._numbered(frame.scope, called)
        self.builder.add_node(
            op, inputs, outputs, name=f"{around}.{own}" if around else own, scope=frame.scope, attributes=said,
            input_names=input_names,
        )  # fmt: skip
        return [Wire(value) for value in outputs]

    def _numbered(self, scope: int, name: str) -> str:
        """The name of the next node of that operation in a scope."""
        n = self.counts[scope, name] = self.counts.get((scope, name), -1) + 1
        return f"{name}_{n}" if n else name


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    """The arguments that may be given by position, which are those that `defaults` belong to."""
    return [*function.args.posonlyargs, *function.args.args]
