"""By the clock: summaries that nobody makes, and those that are over."""

from outcomes import disclosure_actions, disclosure_rules, tasks


def take_up_summaries() -> None:
    """Ask again for what the worker has not made. Who is still at it is not disturbed."""
    for pk in disclosure_rules.disclosures_to_make().values_list("pk", flat=True)[:20]:
        tasks.make_summary.delay(str(pk))


def end_summaries() -> None:
    """Delete the files of summaries whose last day is over."""
    if disclosure_rules.disclosures_over():
        disclosure_actions.end_expired(by=None)
