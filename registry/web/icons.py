"""The page's icons: one SVG sprite built from the django-lucide package at start, and the `icon` and `mark` it serves.

A sprite with its digest in the address is fetched once and kept for ever; in each page it would be about 3 kB gzip.
What is short and stands in each row of a long table is drawn in place, which is lighter to show.
"""

import hashlib
import re
from functools import cache
from importlib import resources
from xml.etree import ElementTree
from zipfile import ZipFile

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from markupsafe import Markup

from .wording import status_look

_NAMESPACE = b' xmlns="http://www.w3.org/2000/svg"'

# Every icon that a template may use. A name that is not here is an error at once, not an empty square on a page.
# fmt: off
NAMES = (
    "arrow-down", "arrow-right", "arrow-up", "arrow-up-right", "bot", "box", "check", "chevron-down", "chevron-left",
    "chevron-right", "chevrons-up-down", "circle-check", "circle-question-mark", "circle-x", "clock", "container",
    "copy", "corner-down-left", "database", "download", "ellipsis", "equal", "eye", "file-archive", "file-text",
    "funnel", "git-branch", "git-compare-arrows", "globe", "history", "inbox", "info", "key-round", "keyboard",
    "layers", "link", "lock", "log-out", "message-square", "minus", "moon", "package", "pencil", "plus", "rocket",
    "rotate-ccw", "search", "settings", "shield-check", "sliders-horizontal", "sun", "sun-moon", "tag", "terminal",
    "trash-2", "triangle-alert", "upload", "user", "users", "workflow", "x",
)
# fmt: on

# Drawn for this project, on 16 by 16: the four status marks. `--mark-ink` is the surface that a mark sits on.
MARKS = {
    "approved": '<circle cx="8" cy="8" r="7" fill="currentColor"/><path d="M5 8.2l2.1 2.1L11.2 6" fill="none" '
    'stroke="var(--mark-ink)" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"/>',
    "pending": '<circle cx="8" cy="8" r="6.1" fill="var(--mark-ink)" stroke="currentColor" stroke-width="1.8" '
    'stroke-dasharray="2.9 1.9"/><circle cx="8" cy="8" r="2.2" fill="currentColor"/>',
    "rejected": '<circle cx="8" cy="8" r="6.2" fill="var(--mark-ink)" stroke="currentColor" stroke-width="1.5"/>'
    '<path d="M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6" fill="none" stroke="currentColor" stroke-width="1.6" '
    'stroke-linecap="round"/>',
    "none": '<circle cx="8" cy="8" r="6.2" fill="var(--mark-ink)" stroke="currentColor" stroke-width="1.5"/>',
}
_LOGO = (
    '<symbol id="logo" viewBox="0 0 24 24"><path d="M12 2.6 21 7l-9 4.4L3 7z" fill="currentColor" stroke="none"/>'
    '<path d="m3.6 11.9 8.4 4.1 8.4-4.1M3.6 16.6l8.4 4.1 8.4-4.1" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round"/></symbol>'
)
# What may stand in each row of a table: the browser makes a document's shadow for each `<use>`, and draws the page once
# more when the sprite has come.
IN_PLACE = frozenset({"arrow-down", "arrow-up", "ellipsis"})


def _read() -> dict[str, ElementTree.Element]:
    # The package's own call opens its archive for every icon, which would cost each start half a second.
    with resources.files("lucide").joinpath("lucide.zip").open("rb") as file, ZipFile(file) as package:
        return {name: ElementTree.fromstring(package.read(f"{name}.svg").replace(_NAMESPACE, b"")) for name in NAMES}


def _symbol(name: str, drawing: ElementTree.Element) -> str:
    shapes = "".join(ElementTree.tostring(shape, encoding="unicode").strip() for shape in drawing)
    return f'<symbol id="{name}" viewBox="{drawing.attrib["viewBox"]}">{shapes}</symbol>'.replace(" />", "/>")


_BEGINNING = re.compile(r"[Mm]\s*(-?[\d.]+)[\s,]*(-?[\d.]+)\s*(.*)")


def _one_path(drawing: ElementTree.Element) -> str:
    """All strokes of a drawing of paths and circles as one path: one element where there would be several."""
    strokes = []
    for shape in drawing:
        if shape.tag == "path":
            # Where a path begins, "m" says an absolute place, but what follows it without a letter is relative.
            x, y, rest = _BEGINNING.fullmatch(shape.attrib["d"]).groups()  # type: ignore[union-attr]
            further = rest[:1] in "-.0123456789" and rest != "" and shape.attrib["d"][0] == "m"
            strokes.append(f"M{x} {y}{'l' if further else ''}{rest}")
        elif shape.tag == "circle":
            left, middle, r = float(shape.attrib["cx"]), shape.attrib["cy"], float(shape.attrib["r"])
            strokes.append(f"M{left - r:g} {middle}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0-{2 * r:g} 0")
        else:
            raise ValueError(f"A {shape.tag} cannot be drawn in place.")
    return "".join(strokes)


def _build(drawings: dict[str, ElementTree.Element]) -> bytes:
    symbols = [_symbol(name, drawing) for name, drawing in drawings.items()]
    symbols.append(_LOGO)
    symbols += [f'<symbol id="mark-{slug}" viewBox="0 0 16 16">{shapes}</symbol>' for slug, shapes in MARKS.items()]
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'.encode()


_DRAWINGS = _read()
_PATHS = {name: _one_path(_DRAWINGS[name]) for name in IN_PLACE}
SPRITE = _build(_DRAWINGS)
SPRITE_URL = f"/icons.{hashlib.sha256(SPRITE).hexdigest()[:10]}.svg"


@login_not_required
@require_safe
def icon_sprite(request: HttpRequest, digest: str) -> HttpResponse:
    """Serve the sprite for ever cacheable; 404 for another digest, so that no cache keeps the wrong drawings."""
    if request.path != SPRITE_URL:
        raise Http404
    return HttpResponse(
        SPRITE, content_type="image/svg+xml", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


@cache
def icon(name: str, size: str = "") -> Markup:
    """Return a decorative icon; `size` "s" is 14 px. Raises KeyError for a name that the sprite lacks."""
    if name not in NAMES and name != "logo":
        raise KeyError(f"The sprite has no icon {name!r}: add it to registry.web.icons.NAMES.")
    kind = f"icon icon--{size}" if size else "icon"
    return Markup(f'<svg class="{kind}" aria-hidden="true"><use href="{SPRITE_URL}#{name}"/></svg>')


@cache
def icon_in_place(name: str) -> Markup:
    """Return the same for the rows of a long table. Raises KeyError for a name that is not of IN_PLACE."""
    return Markup(f'<svg class="icon" aria-hidden="true" viewBox="0 0 24 24"><path d="{_PATHS[name]}"/></svg>')


@cache
def mark(status: str | None) -> Markup:
    """Return the mark of a ModelApprovalStatus (the wire's spelling); the word has to stand next to it."""
    slug = status_look(status).slug
    return _mark(slug, f'<use href="{SPRITE_URL}#mark-{slug}"/>')


@cache
def mark_in_place(status: str | None) -> Markup:
    """Return the same for the rows of a long table."""
    slug = status_look(status).slug
    return _mark(slug, MARKS[slug])


def _mark(slug: str, drawing: str) -> Markup:
    return Markup(f'<svg class="mark mark--{slug}" aria-hidden="true" viewBox="0 0 16 16">{drawing}</svg>')
