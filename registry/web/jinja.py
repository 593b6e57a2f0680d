"""The template environment: filters and globals, nothing else."""

from functools import cache
from typing import Any

from django.templatetags.static import static
from django_htmx.jinja import django_htmx_script
from jinja2 import Environment
from markupsafe import Markup, escape

from registry.addresses import url

from . import charts, icons, metric_charts, searches, uris, uses, wording
from .addresses import package_path
from .drawn import drawn
from .forms.groups import empty_form
from .sentences import tell
from .templating import PageEnvironment


def breaks(text: object) -> Markup:
    """Return escaped text with a break point after each of / _ : . so that long names wrap where they may."""
    out = str(escape(text))
    for sign in "/_.":
        out = out.replace(sign, f"{sign}<wbr>")
    return Markup(out)


@cache
def script(path: str) -> Markup:
    """Return the name of a script of static/ that start.js fetches and runs once the page is seen.

    Fetched any earlier, scripts take the first picture's time: 264 -> 213 ms in a browser without a cache.
    """
    return Markup('<meta name="script" content="{}">').format(static(path))


def environment(**options: Any) -> Environment:
    """Build the Jinja environment that settings.TEMPLATES names."""
    env = PageEnvironment(**{"trim_blocks": True, "lstrip_blocks": True, **options})
    env.filters.update(
        age=wording.age,
        ago=wording.ago,
        breaks=breaks,
        clock=wording.clock,
        capped=wording.count,
        day_name=wording.day_name,
        digits_for=wording.digits_for,
        initials=wording.initials,
        is_bot=wording.is_bot,
        iso=wording.iso,
        number=wording.number,
        period_name=wording.period_name,
        plural=wording.plural,
        short_image=wording.short_image,
        short_path=wording.short_path,
        short_day=wording.short_day,
        signed=wording.signed,
        status_slug=lambda status: wording.status_look(status).slug,
        status_word=lambda status: wording.status_look(status).word,
        utc=wording.utc,
    )
    # The addresses of static files change with the collected files alone, which are read at the start.
    env.globals.update(
        drawn=drawn,
        group_form=empty_form,
        htmx_debug_script=cache(django_htmx_script),
        icon=icons.icon,
        icon_in_place=icons.icon_in_place,
        mark=icons.mark,
        mark_in_place=icons.mark_in_place,
        metric_chart=metric_charts.metric_chart,
        multiple=metric_charts.multiple,
        package_path=package_path,
        rail=charts.rail,
        script=script,
        stage_bars=charts.stage_bars,
        static=cache(static),
        strip=charts.strip,
        swing=charts.swing,
        tag_href=searches.tag_href,
        tell=tell,
        trend=charts.trend,
        uri_pieces=uris.uri_pieces,
        url=url,
        artifact_used_path=uses.artifact_used_path,
        image_used_path=uses.image_used_path,
    )
    return env
