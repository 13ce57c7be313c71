"""By the clock: invitations whose mail was lost on the way."""

from accounts import rules, tasks

#: How many one run hands over; the next minute goes on.
_AT_ONCE = 200


def send_overdue_invitations() -> None:
    """Send again what was not sent: after a minute, then ten minutes, then two hours."""
    for pk in rules.invitations_overdue().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.invite_person.delay(str(pk))
