"""What the Jinja environment's templates are compiled to: as Jinja's own, without its costs for every value."""

from __future__ import annotations

from jinja2.compiler import CodeGenerator
from markupsafe import Markup, _escape_inner, escape


def output(value: object) -> str:
    """A value as the template prints it: what MarkupSafe's `escape` gives, as any kind of text.

    Whatever prints goes into one joined text at once, so none but that has to be marked as safe.
    """
    kind = type(value)
    if kind is str:
        return _escape_inner(value)
    if kind is Markup:
        return value  # type: ignore[return-value]
    if kind is int:
        return str(value)
    return escape(value)


class Compiler(CodeGenerator):
    """Jinja's compiler, whose templates print by `output`."""

    def write_commons(self) -> None:
        super().write_commons()
        # Shadows the function that Jinja's templates import.
        self.writeline("escape = environment.output")
