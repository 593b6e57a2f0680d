"""Compare: two to eight versions or packages side by side; the address is the whole state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.catalog.models import ModelPackage
from registry.catalog.reports import metric_series
from registry.catalog.reports.comparisons import Ref, Section, compare_packages, read_candidates, read_packages
from registry.catalog.reports.metric_series import Span

from ..forms.compare import COMPARED_MAX, Compared, read_ref
from ..spreadsheets import csv_response
from ..subjects import find_group, find_unversioned, find_version

CHARTS = 6
STRETCHES = 75
CHARTED = 600  # newest versions that the small charts cover, as the trend does (DESIGN.md section 5)
CHARTED_MAX = 5000


@require_safe
def compare(request: HttpRequest) -> HttpResponseBase:
    """The table of `?v=region/group/number&v=…&base=…`, as a page or a file; says what it cannot show and why."""
    asked = Compared.of(request)
    if asked.rewritten:
        return HttpResponseRedirect(asked.href())
    found = read_packages(request.user, asked.refs)  # type: ignore[arg-type]
    notes = [*asked.notes, *_missing(request, [ref for ref in asked.refs if ref not in found])]
    refs = [ref for ref in asked.refs if ref in found]
    packages = [found[ref] for ref in refs]
    base = refs.index(asked.base) if asked.base in refs else 0
    sections = compare_packages(packages, base) if len(packages) > 1 else []
    if request.GET.get("format") == "csv" and sections:
        return _file(refs, base, sections)
    context = {
        "nav": "groups",
        "asked": Compared(tuple(refs), refs[base] if refs else None, asked.only_differences),
        "notes": notes,
        "columns": _columns(refs, packages),
        "base": base,
        "sections": sections,
        "same": sum(not row.differs for section in sections for row in section.rows),
        "group": _only_group(packages),
        "full": len(refs) >= COMPARED_MAX,
        "stages": settings.REGISTRY_STAGES,
    }
    if refs:
        context |= _charts(packages, base, sections) | _candidates(packages, base)
    return render(request, "compare/detail.html", context)


@require_safe
def group_compare(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """From the rows of a group (`?v=22&v=25`) to the address of their comparison, oldest first."""
    group = find_group(request, region, name)
    near = Ref(region, name, 1)
    texts = dict.fromkeys(request.GET.getlist("v"))
    refs = [ref for ref in (read_ref(text.strip(), near) for text in texts) if ref is not None]
    refs.sort(key=lambda ref: (ref[:2] != near[:2], ref.name, ref.version or 0))
    base = read_ref(request.GET.get("base", "").strip(), near)
    approved = near._replace(version=group.approved_version)
    if base is None and refs:
        base = approved if approved in refs else refs[0]
    return HttpResponseRedirect(Compared(tuple(refs), base).href())


def _missing(request: HttpRequest, refs: Sequence[Ref]) -> Iterator[str]:
    """Why each of those packages is not there: unknown, or deleted by whom and when."""
    for region, name, version in refs:
        try:
            if version is None:
                find_unversioned(request, region, name)
            else:
                find_version(request, region, name, version)
        except Http404 as reason:
            yield str(reason)


def _only_group(packages: Sequence[ModelPackage]) -> Any:
    groups = {package.group_id: package.group for package in packages}
    return next(iter(groups.values())) if len(groups) == 1 else None


def _columns(refs: Sequence[Ref], packages: Sequence[ModelPackage]) -> list[dict[str, Any]]:
    """The head of each column: the package and how it is called beside the others."""
    named = len({ref[:2] for ref in refs}) > 1
    return [
        {
            "ref": ref,
            "package": package,
            "name": f"v{ref.version}" if ref.version else ref.name,
            "of": ref.name if named and ref.version else "",
        }
        for ref, package in zip(refs, packages, strict=True)
    ]


def _charts(packages: Sequence[ModelPackage], base: int, sections: Sequence[Section]) -> dict[str, Any]:
    """Small charts of the first metrics over the baseline's group; versions of other groups have no place there."""
    group = packages[base].group
    rows = [row for section in sections if section.title == "Metrics" for row in section.rows][:CHARTS]
    if group is None or not rows:
        return {"charts": []}
    ours = [(place, p.version or 0) for place, p in enumerate(packages) if p.group_id == group.pk]
    numbers = [number for _, number in ours]
    span = Span(max(1, min([*numbers, group.last_version - CHARTED + 1])), max(group.last_version, *numbers))
    width = span.width(STRETCHES)
    names = [row.label for row in rows] if span.length <= CHARTED_MAX else []
    stretches = metric_series.read_stretches(group, names, span, width)
    charts = []
    for row in rows:
        values = [(number, row.cells[place].value) for place, number in ours]
        charts.append((row, stretches.get(row.label, []), [dot for dot in values if dot[1] is not None]))
    return {
        "charts": charts,
        "span": span,
        "width": width,
        "charted": span.length >= group.last_version,
        "base_version": packages[base].version,
        "dots": [number for number in numbers if number != packages[base].version],
        "chart_group": group if len({p.group_id for p in packages}) > 1 else None,
    }


def _candidates(packages: Sequence[ModelPackage], base: int) -> dict[str, Any]:
    """Versions of the baseline's group that one click adds."""
    group = packages[base].group
    if group is None or len(packages) >= COMPARED_MAX:
        return {"candidates": []}
    there = [package.version for package in packages if package.group_id == group.pk]
    found = read_candidates(group, there)
    return {"candidates": [(Ref(group.region, group.name, number), status) for number, status in found]}


def _file(refs: Sequence[Ref], base: int, sections: Sequence[Section]) -> HttpResponseBase:
    header = ["section", "field", *(f"{ref} (baseline)" if n == base else str(ref) for n, ref in enumerate(refs))]
    rows = ([section.title, row.label, *(c.value for c in row.cells)] for section in sections for row in section.rows)
    return csv_response("comparison.csv", header, rows)
