"""By the clock: emergency access that is over, and mails that were lost on the way."""

from oversight import rules, tasks

#: How many one run hands over; the next minute goes on.
_AT_ONCE = 100


def tell_of_emergencies() -> None:
    """Tell people whose answers were opened, once it is over, and coordinators not told yet."""
    for pk in rules.to_announce_by_the_clock().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.announce.delay(str(pk))
    for pk in rules.to_tell().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.tell_person.delay(str(pk))
