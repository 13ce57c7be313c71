"""Template tags for pictures, times and parts with a body. Presentation only: no models."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from django import forms, template
from django.forms import BoundField
from django.http import QueryDict
from django.template.loader import get_template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from supportgroups.lib import drawing
from supportgroups.lib.staticfiles import site_stylesheets
from supportgroups.lib.words import ordinal_figure

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon from `img/icons.svg`. It is decoration: words stand beside it, visible or `.vh`."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def site_css() -> SafeString:
    """Links to the style sheets of every page."""
    sheets = ((static(name),) for name in site_stylesheets())
    return format_html_join("\n  ", '<link rel="stylesheet" href="{}">', sheets)


@register.simple_block_tag(takes_context=True, end_name="endcomponent")
def component(context: template.Context, content: str, name: str, **fields: Any) -> SafeString:
    """Render `components/<name>.html` around the block's content.

    `{% component "panel" heading="Who leads it" %} … {% endcomponent %}`. The template sees
    `content` and the given fields, and nothing else of the page.
    """
    part = get_template(f"components/{name}.html").template  # type: ignore[attr-defined]
    return SafeString(part.render(context.new({"content": content, **fields})))


# Pictures ----------------------------------------------------------------------------------------


@register.inclusion_tag("components/brand_mark.html")
def brand_mark() -> dict[str, Any]:
    """The mark: seven seats, one open."""
    return {"dots": drawing.brand_mark()}


@register.simple_tag
def person(seed: object) -> SafeString:
    """A drawn figure, always the same for the same seed. A person's figure belongs to
    one group or organisation (`figure_seed`): the same one elsewhere would tell who they are."""
    return _drawn(drawing.person(seed))


@cache
def _drawn(person: drawing.Person) -> SafeString:
    """There are few, and each message of a live room shows one."""
    return SafeString(get_template("components/person.html").render({"person": person}))


@register.inclusion_tag("components/ring.html")
def ring(
    *,
    taken: int,
    capacity: int,
    you: bool = False,
    number: int | str | None = None,
    word: str = "left",
    title: str = "",
) -> dict[str, Any]:
    """Seats of a group. Words and numbers stand beside it, so it is hidden from readers' ears
    unless `title` says what it shows."""
    drawn = drawing.ring(capacity=capacity, taken=taken, you=you, number=number, word=word)
    return {"ring": drawn, "title": title}


@register.inclusion_tag("components/ring.html")
def progress_ring(*, total: int, at: int) -> dict[str, Any]:
    """Questions as seats, `at` counted from 1. "Question 3 of 6" stands beside it."""
    return {"ring": drawing.progress_ring(total=total, at=at), "title": ""}


@register.inclusion_tag("components/scene.html")
def scene(*, people: int = 9) -> dict[str, Any]:
    """The room of the home page."""
    return {"scene": drawing.scene(people=people)}


def _both(draw: Callable[..., drawing.Plot], *, kind: str, label: str) -> dict[str, Any]:
    return {"wide": draw(narrow=False), "narrow": draw(narrow=True), "kind": kind, "label": label}


@register.inclusion_tag("components/chart.html")
def survival_chart(
    points: Sequence[Sequence[float] | drawing.SurvivalPoint],
    *,
    at_risk: Sequence[tuple[float, int]],
    label: str,
    compare: Sequence[tuple[float, float]] = (),
    name: str = "",
    compare_name: str = "",
    mark: float | None = None,
    unit: str = "Week",
) -> dict[str, Any]:
    """A retention curve from (time, share, low, high) rows and (time, people) at risk.

    Shares are between 0 and 1. `label` says in words what the picture shows; the numbers belong
    into a table beside it.
    """
    rows = [
        p if isinstance(p, drawing.SurvivalPoint) else drawing.SurvivalPoint(*p) for p in points
    ]
    draw = partial(
        drawing.survival_plot,
        rows,
        at_risk=at_risk,
        compare=compare,
        name=name,
        compare_name=compare_name,
        mark=mark,
        unit=unit,
    )
    return _both(draw, kind="survival", label=label)


@register.inclusion_tag("components/chart.html")
def marks_chart(
    points: Sequence[Sequence[float]],
    *,
    at_risk: Sequence[tuple[float, int]],
    label: str,
    unit: str = "Week",
) -> dict[str, Any]:
    """Shares that are known at some times only: (time, share, low, high), and people at risk."""
    rows = [drawing.SurvivalPoint(*point) for point in points]
    draw = partial(drawing.marks_plot, rows, at_risk=at_risk, unit=unit)
    return _both(draw, kind="survival", label=label)


@register.inclusion_tag("components/chart.html")
def course_chart(
    scores: Sequence[tuple[date, float | None]],
    *,
    highest: float,
    label: str,
    lowest: float = 0,
    reliable: float | None = None,
) -> dict[str, Any]:
    """One person's (date, score) rows from the oldest to the newest, on a scale to `highest`.

    `reliable` is the change that is unlikely to be chance; it draws the band. No score is a gap.
    """
    days = [(on.date() if isinstance(on, datetime) else on, score) for on, score in scores]
    draw = partial(
        drawing.course_plot,
        [(on, score) for on, score in days if score is not None],
        highest=highest,
        lowest=lowest,
        reliable=reliable,
        gaps=[on for on, score in days if score is None],
        words=lambda on: formats.date_format(on, "j M"),
    )
    return _both(draw, kind="course", label=label)


@register.inclusion_tag("components/chart.html")
def means_chart(
    lines: Sequence[tuple[str, Sequence[tuple[int, float]]]],
    *,
    ticks: Sequence[str],
    label: str,
) -> dict[str, Any]:
    """Means from 1 to 5 over time: names with (place, mean) pairs, and the words of each place."""
    draw = partial(drawing.means_plot, lines, ticks=ticks)
    return _both(draw, kind="survival", label=label)


@register.inclusion_tag("components/chart.html")
def curves_chart(
    lines: Sequence[tuple[str, Sequence[Sequence[float]], Sequence[tuple[float, int]]]],
    *,
    label: str,
    unit: str = "Session",
) -> dict[str, Any]:
    """Curves beside one another: (letter, rows as of `survival_chart`, at risk) for each."""
    drawn = [
        (letter, [drawing.SurvivalPoint(*row) for row in rows], at_risk)
        for letter, rows, at_risk in lines
    ]
    return _both(partial(drawing.curves_plot, drawn, unit=unit), kind="survival", label=label)


@register.inclusion_tag("components/chart.html")
def shares_chart(
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    at_risk: Sequence[tuple[float, int]],
    label: str,
    unit: str = "Session",
) -> dict[str, Any]:
    """Shares that grow: a name and (time, share) rows for each, and people at risk."""
    draw = partial(drawing.shares_plot, lines, at_risk=at_risk, unit=unit)
    return _both(draw, kind="survival", label=label)


@register.inclusion_tag("components/change_bar.html")
def change_bar(
    *,
    name: str,
    improved: int,
    same: int,
    worse: int,
    scale: str = "",
    missing: int | None = None,
    labels: tuple[str, str, str] = ("Improved", "No clear change", "Worse"),
) -> dict[str, Any]:
    """How many changed reliably, as one bar with its numbers in words.

    `missing` counts people without a second score; it is always shown when given.
    """
    segments = drawing.change_bar(improved=improved, same=same, worse=worse, labels=labels)
    return {
        "name": name,
        "scale": scale,
        "segments": segments,
        "total": improved + same + worse,
        "missing": missing,
    }


@register.inclusion_tag("components/heat_table.html")
def heat_table(
    *,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    caption: str,
    corner: str = "Group",
) -> dict[str, Any]:
    """Attendance: each row has `label`, perhaps `url`, and `cells`.

    A cell is (came, expected) and perhaps an address, None where no session was, or words where
    numbers stay hidden.
    """

    def cell(pair: tuple[Any, ...] | str | None) -> dict[str, int | str] | None:
        if isinstance(pair, str):
            return {"words": pair}
        if pair is None or not pair[1]:
            return None
        came, expected, *url = pair
        return {
            "url": url[0] if url else "",
            "came": came,
            "expected": expected,
            "percent": round(100 * came / expected),
            "step": drawing.heat_step(came, expected),
        }

    drawn = [
        {"label": r["label"], "url": r.get("url", ""), "cells": [cell(c) for c in r["cells"]]}
        for r in rows
    ]
    return {"columns": columns, "rows": drawn, "caption": caption, "corner": corner}


# Times -------------------------------------------------------------------------------------------


def _zone(zone: str | tzinfo | None) -> tzinfo:
    if not zone:
        return timezone.get_current_timezone()
    return ZoneInfo(zone) if isinstance(zone, str) else zone


def _clock(at: datetime) -> str:
    """6:30pm, and 7pm for the full hour."""
    hour = at.hour % 12 or 12
    half = "am" if at.hour < 12 else "pm"
    return f"{hour}:{at.minute:02}{half}" if at.minute else f"{hour}{half}"


def zone_words(zone: str | tzinfo | None = None) -> str:
    """A zone as people say it: Europe/London is London, America/New_York is New York."""
    name = str(_zone(zone))
    return "UTC" if name in {"UTC", "Etc/UTC"} else name.rsplit("/", 1)[-1].replace("_", " ")


def time_words(at: datetime, zone: str | tzinfo | None = None, style: str = "datetime") -> str:
    """A moment in words in `zone` (default: the active one).

    Styles: datetime "Tuesday 24 November, 6:30pm, London time", date "Tuesday 24 November",
    short "Tue 24 Nov", day "24", month "Nov", time "6:30pm", full "24 November 2026".
    """
    local = at.astimezone(_zone(zone))
    if style == "datetime":
        words = formats.date_format(local, "l j F")
        return f"{words}, {_clock(local)}, {zone_words(zone)} time"
    if style == "time":
        return _clock(local)
    patterns = {"date": "l j F", "short": "D j M", "day": "j", "month": "M", "full": "j F Y"}
    return formats.date_format(local, patterns[style])


@register.simple_tag
def when(
    at: datetime | None,
    zone: str | tzinfo | None = None,
    *,
    style: str = "datetime",
    local: bool = True,
) -> SafeString | str:
    """A moment as `<time>` with UTC inside and words in the given or active zone.

    With `local` the script rewrites the words into the reader's own zone: say `local=False` for a
    meeting at a place, whose time stays the place's. See `time_words` for the styles; name the
    zone with `{% zone_name %}` beside the styles that do not.
    """
    if at is None:
        return ""
    utc = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = time_words(at, zone, style)
    if local:
        return format_html('<time datetime="{}" data-local="{}">{}</time>', utc, style, words)
    return format_html('<time datetime="{}">{}</time>', utc, words)


@register.simple_tag
def zone_name(zone: str | tzinfo | None = None, *, local: bool = True) -> SafeString:
    """The zone that times beside it are written in, as people say it."""
    if local:
        return format_html("<span data-zone-name>{}</span>", zone_words(zone))
    return format_html("<span>{}</span>", zone_words(zone))


@register.filter
def plus_minutes(at: datetime, minutes: int) -> datetime:
    """The moment some minutes later."""
    return at + timedelta(minutes=minutes)


# Words -------------------------------------------------------------------------------------------


@register.filter
def problems(field: BoundField) -> list[str]:
    """A field's errors; the bare "This field is required." becomes words that say what to do."""
    bare = str(forms.Field.default_error_messages["required"])
    if isinstance(field.field, forms.BooleanField):
        plain = f"Tick the box “{field.label}”."
    elif isinstance(field.field, forms.ChoiceField | forms.MultipleChoiceField):
        plain = f"Choose an answer to “{field.label}”."
    else:
        plain = f"Fill in “{field.label}”."
    return [plain if str(error) == bare else str(error) for error in field.errors]


@register.filter
def dialled(number: str) -> str:
    """What `tel:` wants of words such as "116 123", "988 press 1" or "112/999": the first one."""
    found = re.search(r"\+?\d[\d ()-]*", str(number))
    return re.sub(r"[^\d+]", "", found[0]) if found else ""


@register.filter
def texted(words: str) -> str:
    """What `sms:` wants of words such as "SHOUT to 85258": the number, which comes last."""
    found = re.findall(r"\+?\d[\d ()-]*", str(words))
    return re.sub(r"[^\d+]", "", found[-1]) if found else ""


@register.filter
def places_left(taken: int, capacity: int) -> str:
    """Places in words: "3 of 10 places left", or "Full"."""
    left = max(capacity - taken, 0)
    if not left:
        return "Full"
    return f"{left} of {capacity} place{'s' if capacity != 1 else ''} left"


_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()


@register.filter
def ordinal(number: int) -> str:
    """A place in a line: first to tenth in words, then 11th, 21st."""
    if 1 <= number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    return ordinal_figure(number)


@register.simple_tag(takes_context=True)
def page_address(context: template.Context, number: int) -> str:
    """The current address with another `page`, its filters kept."""
    request = context.get("request")
    query = request.GET.copy() if request else QueryDict(mutable=True)
    query["page"] = str(number)
    return f"?{query.urlencode()}"
