"""What the bar of the demo shows. Only the demo's settings name this."""

from typing import Any

from django.http import HttpRequest

from supportgroups.demo.sample_world import SAMPLE_PEOPLE


def demo_bar(request: HttpRequest) -> dict[str, Any]:
    """The sample people to switch between."""
    return {"demo_bar": {"people": SAMPLE_PEOPLE}}
