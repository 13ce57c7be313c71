"""By the clock: copies that nobody makes, mails that were lost, and what is over."""

from supportgroups.my_data import actions, rules, tasks

#: How many one run hands over; the next minute goes on.
_AT_ONCE = 20


def take_up_exports() -> None:
    """Ask again for what the worker has not made. Who is still at it is not disturbed."""
    for pk in rules.exports_to_make().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.make_export.delay(str(pk))
    for pk in rules.exports_to_tell().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.tell_of_export.delay(str(pk))


def delete_expired_exports() -> None:
    """Delete copies whose time is over."""
    actions.delete_expired(by=None)
