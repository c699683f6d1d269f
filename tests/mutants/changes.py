"""Small changes of a module's code, each of which should make a test fail."""

import ast
import copy
from collections.abc import Iterator

OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
             ast.Pow: ast.Mult, ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr}  # fmt: skip
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
               ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot,
               ast.IsNot: ast.Is}  # fmt: skip
NAMES = {"max": "min", "min": "max", "amax": "amin", "amin": "amax", "mean": "sum", "sum": "mean", "round": "int",
         "int": "round", "any": "all", "all": "any", "sqrt": "square", "square": "sqrt", "argmax": "argmin",
         "argmin": "argmax", "sorted": "list", "ceil": "floor", "floor": "ceil"}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, what was changed, and the module's code with that one change; texts and types stay as they are."""
    tree = ast.parse(source)
    left_out = {id(n) for part in ast.walk(tree) for n in _not_run(part)}
    for i, node in enumerate(ast.walk(tree)):
        if id(node) in left_out:
            continue
        for how, change in enumerate(_changes(node)):
            words, _ = change
            other = copy.deepcopy(tree)
            changed = list(ast.walk(other))[i]
            list(_changes(changed))[how][1]()
            yield node.lineno, words, ast.unparse(other)


def _not_run(node: ast.AST) -> Iterator[ast.AST]:
    """Annotations, and the messages of errors."""
    for name in ("annotation", "returns"):
        if (part := getattr(node, name, None)) is not None:
            yield from ast.walk(part)
    if isinstance(node, ast.Raise | ast.JoinedStr):
        yield from ast.walk(node)
    if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
        yield from ast.walk(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    """What may be changed of a node: a few words, and a function that does it."""

    def to(name, value):
        return lambda: setattr(node, name, value)

    if isinstance(node, ast.BinOp | ast.AugAssign) and (kind := OPERATORS.get(type(node.op))):
        yield f"{type(node.op).__name__} to {kind.__name__}", to("op", kind())
    if isinstance(node, ast.Compare) and (kind := COMPARISONS.get(type(node.ops[0]))):
        yield f"{type(node.ops[0]).__name__} to {kind.__name__}", to("ops", [kind(), *node.ops[1:]])
    if isinstance(node, ast.BoolOp):
        kind = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{type(node.op).__name__} to {kind.__name__}", to("op", kind())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "without minus", to("op", ast.UAdd())
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "not the condition", to("test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        value = not node.value if isinstance(node.value, bool) else node.value + 1
        yield f"{node.value} to {value}", to("value", value)
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield f"{node.id} to {NAMES[node.id]}", to("id", NAMES[node.id])
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield f"{node.attr} to {NAMES[node.attr]}", to("attr", NAMES[node.attr])
