"""How Jinja's templates become Python: as by Jinja itself, without what costs each value and each import anew."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cache
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType, MethodType
from typing import Any

from jinja2 import Environment, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.idtracking import VAR_LOAD_RESOLVE
from jinja2.runtime import Context, Macro
from markupsafe import Markup, _escape_inner, escape

# Globals that draw the same for the same arguments: with constant ones their drawing is part of the template.
DRAWINGS = frozenset({"icon", "icon_in_place", "mark", "mark_in_place"})


def output(value: object) -> str:
    """A value as the template prints it: what MarkupSafe's `escape` gives, as any kind of text.

    All that is printed goes into one joined text at once: only that has to be marked as safe.
    """
    kind = type(value)
    if kind is str:
        return _escape_inner(value)
    if kind is Markup:
        return value  # type: ignore[return-value]
    if kind is int:
        return str(value)
    return escape(value)


_FUNCTIONS = frozenset({FunctionType, MethodType, BuiltinFunctionType, BuiltinMethodType, type(cache(output))})


def call(context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
    """What a template calls, as by Jinja's `Context.call`, which looks at each whether it wants to be passed more.

    Who wants the context gets it without the names of the loop that the call stands in.
    """
    kind = type(called)
    if kind is Macro:
        return called(context.eval_ctx, *args, **kwargs)
    if kind in _FUNCTIONS and not hasattr(called, "jinja_pass_arg"):
        return called(*args, **kwargs)
    return context.call(called, *args, **kwargs)


class _Compiler(CodeGenerator):
    """Jinja's compiler, whose templates print by `output`, call by `call` and hold their drawings."""

    def write_commons(self) -> None:
        super().write_commons()
        # Shadows the function that Jinja's templates import.
        self.writeline("escape = environment.output")
        self.writeline("call = environment.call")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        self.write("call(context, ")
        self.visit(node.node, frame)
        self.signature(node, frame, {"caller": "caller"} if forward_caller else None)
        self.write(")")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in DRAWINGS:
            name = node.node.name
            # An argument of a macro may have the same name.
            if frame.symbols.loads.get(frame.symbols.find_ref(name) or "") == (VAR_LOAD_RESOLVE, name):
                args = [argument.as_const(frame.eval_ctx) for argument in node.args]
                drawing: Any = self.environment.globals[name]
                return str(drawing(*args))
        return super()._output_child_to_const(node, frame, finalize)


class PageEnvironment(Environment):
    """Jinja's environment for templates that share one set of globals, complete before the first of them is loaded."""

    code_generator_class = _Compiler
    output = staticmethod(output)
    call = staticmethod(call)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._known: dict[str, Template] = {}

    def get_template(self, name: str | Template, parent: str | None = None, globals: Any = None) -> Template:  # type: ignore[override]
        """As Jinja's, where files do not change: a page names some fifty, and Jinja's cache locks for each."""
        if self.auto_reload or globals or not isinstance(name, str):
            return super().get_template(name, parent, globals)
        if name not in self._known:
            self._known[name] = super().get_template(name, parent)
        return self._known[name]

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The globals of a template: a plain dict, for Jinja copies and compares them in each include and import."""
        return {**self.globals, **d} if d else self.globals
