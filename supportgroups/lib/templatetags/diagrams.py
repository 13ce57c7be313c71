"""Template tags for the charts of outcomes. Presentation only: no models."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import template

from supportgroups.lib import diagrams
from supportgroups.lib.drawing import Plot

register = template.Library()


def _both(draw: Callable[..., Plot], *, kind: str, label: str) -> dict[str, Any]:
    return {"wide": draw(narrow=False), "narrow": draw(narrow=True), "kind": kind, "label": label}


@register.inclusion_tag("components/chart.html")
def course_of_means_chart(
    points: Sequence[diagrams.MeanPoint], *, span: tuple[float, float], label: str
) -> dict[str, Any]:
    """Means with their intervals and the people behind each, on the whole scale."""
    draw = partial(diagrams.course_of_means, points, span=span)
    return _both(draw, kind="survival", label=label)


@register.inclusion_tag("components/chart.html")
def line_chart(
    points: Sequence[tuple[float, float, float, float]], *, label: str
) -> dict[str, Any]:
    """A line with its band, from (x, value, low, high)."""
    return _both(partial(diagrams.line_with_band, points), kind="survival", label=label)


@register.inclusion_tag("components/chart.html")
def path_chart(paths: diagrams.Paths, *, label: str) -> dict[str, Any]:
    """Three boxes and the paths between them."""
    return _both(partial(diagrams.path_diagram, paths), kind="survival", label=label)
