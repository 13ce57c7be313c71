"""By the clock: news whose mail failed or whose message to the worker was lost."""

from django.utils import timezone

from screening import rules, tasks

#: How many mails one run asks for; the next minute goes on.
_AT_ONCE = 200


def send_overdue_news() -> None:
    """Send again what was not told, to applicants and to staff: three times at most."""
    now = timezone.now()
    for decision_id in rules.decisions_overdue(now).values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.tell_applicant.delay(str(decision_id))
    for appointment_id in rules.talks_overdue(now).values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.tell_staff_of_talk.delay(str(appointment_id))
