"""Rows that were drawn before: each worker keeps the text of a row under all that the row says.

    {% from "groups/_row.html" import row %}
    {{ drawn(row, group, group.updated_at|ago, many) }}

Such a text cannot be out of date, for nothing else has a say in it: whatever differs is another row. What draws it is
a macro that another template imports, so it sees its arguments and the environment's globals and nothing of the page;
a macro of the page itself is another one for each page, and finds nothing that was kept. The one thing that changes
by itself is the time: who asks for it while such a row is drawn gets an error, so words like "2 hours ago" are
arguments too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from sys import getsizeof

from django.utils.functional import SimpleLazyObject
from markupsafe import Markup

# What a worker keeps: at most twice as many bytes, for there are two shelves.
SHELF = 3_000_000
# What an entry takes beside its text and what that says.
_ENTRY = 800


class _Drawing(threading.local):
    """Whether this thread draws something that will be kept."""

    now = False


_drawing = _Drawing()


class Drawings:
    """Texts by what they say, within a limit: what was not asked for while a shelf filled is forgotten.

    No lock: threads that draw the same row at once put down the same text.
    """

    def __init__(self, shelf: int = SHELF) -> None:
        self.shelf = shelf
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._new: dict[Hashable, Markup] = {}
        self._old: dict[Hashable, Markup] = {}
        self._weight = 0

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def drawn(self, draw: Callable[..., str], *says: Hashable) -> Markup:
        """What `draw` makes of its arguments: as it was drawn before, or now.

        Raises TypeError for an argument that could change later, RuntimeError where `draw` asks what time it is.
        """
        # 1, 1.0 and True are equal and not written alike, nor are a text and the same as markup.
        kinds = (*map(type, says),)
        if SimpleLazyObject in kinds:
            raise TypeError("A value that is looked up later would hold on to the request that it is looked up for.")
        key = (draw, says, kinds)
        text = self._new.get(key)
        if text is None:
            text = self._old.get(key) or self._draw(draw, says)
            self._keep(key, text)
        return text

    def _draw(self, draw: Callable[..., str], says: tuple[Hashable, ...]) -> Markup:
        before, _drawing.now = _drawing.now, True
        try:
            return Markup(draw(*says))
        finally:
            _drawing.now = before

    def _keep(self, key: Hashable, text: Markup) -> None:
        if self._weight > self.shelf:
            self._old, self._new, self._weight = self._new, {}, 0
        self._new[key] = text
        # What a row says is about as long as its text.
        self._weight += 2 * getsizeof(text) + _ENTRY


drawings = Drawings()
drawn = drawings.drawn


def now() -> datetime:
    """The time; RuntimeError in a drawing that is kept."""
    if _drawing.now:
        raise RuntimeError("A row that is kept cannot say what time it is: its caller gives it the words.")
    return _clock()


def _clock() -> datetime:
    return datetime.now(UTC)
