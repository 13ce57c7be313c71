"""By the clock: analyses that nobody makes, and those whose scores may be others now."""

from outcomes import tasks
from outcomes.analysis_rules import to_look_at_again, waiting_for_a_worker


def take_up_analyses() -> None:
    """Ask again for work that nobody does, and look once a day whether the scores still stand."""
    for pk in waiting_for_a_worker().order_by("pk").values_list("pk", flat=True)[:20]:
        tasks.make_analysis.delay(str(pk))
    for pk in to_look_at_again().order_by("touched_at").values_list("pk", flat=True)[:5]:
        tasks.look_at_analysis_again.delay(str(pk))
