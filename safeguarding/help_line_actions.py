"""Keep the help lines of an organisation's country: change, add, take out, confirm."""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.rules import check_may_coordinate
from audit.trail import record
from safeguarding import help_line_rules
from safeguarding.crisis import shipped_help
from safeguarding.models import CountryLine, CountryLines
from supportgroups.lib.refusals import Refused


def _own_lines(organisation: Organisation) -> CountryLines:
    """The organisation's own lines, begun as a copy of those that come with the software.

    One change at a time, so that two who begin at once make one copy.
    """
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    shipped = shipped_help(organisation.country)
    own, created = CountryLines.objects.get_or_create(
        organisation=organisation,
        country=organisation.country,
        defaults={"emergency": shipped.emergency},
    )
    if created:
        CountryLine.objects.bulk_create(
            CountryLine(
                lines=own, position=position, name=line.name, call=line.call, text=line.text
            )
            for position, line in enumerate(shipped.lines, start=1)
        )
    return own


@transaction.atomic
def keep_line(
    *,
    organisation: Organisation,
    position: int | None,
    name: str,
    call: str,
    text: str,
    hours: str,
    url: str,
    by: User,
    at: datetime | None = None,
) -> CountryLine:
    """Change the line at a place, or add one. Either means: I have tried it, and it is right."""
    check_may_coordinate(by, organisation)
    own = _own_lines(organisation)
    if own.lines.filter(name__iexact=name).exclude(position=position or 0).exists():
        raise Refused("name_taken", "There is a line of this name already. Change that one.")
    if position is None:
        line = CountryLine(
            lines=own, position=(own.lines.aggregate(last=Max("position"))["last"] or 0) + 1
        )
    else:
        found = own.lines.filter(position=position).first()
        if found is None:
            raise Refused("line_gone", "Somebody else has just taken this line out.")
        line = found
    line.name, line.call, line.text, line.hours, line.url = name, call, text, hours, url
    line.save()
    verb = "help_line.added" if position is None else "help_line.changed"
    record(verb, by=by, on=line, organisation=organisation.pk, at=at)
    return line


@transaction.atomic
def take_line_out(
    *, organisation: Organisation, position: int, by: User, at: datetime | None = None
) -> None:
    """People see this line no more. One always stays; taking out twice is once."""
    check_may_coordinate(by, organisation)
    own = _own_lines(organisation)
    line = own.lines.filter(position=position).first()
    if line is None:
        return
    if own.lines.count() == 1:
        raise Refused("last_line", "Add another line first: one always stays.")
    record("help_line.taken_out", by=by, on=line, organisation=organisation.pk, at=at)
    line.delete()


@transaction.atomic
def confirm_lines(
    *,
    organisation: Organisation,
    emergency: str,
    review_until: date,
    by: User,
    at: datetime | None = None,
) -> CountryLines:
    """Say: I have tried each number today, and they are right until then."""
    check_may_coordinate(by, organisation)
    help_line_rules.check_review_until(review_until, organisation)
    help_line_rules.check_number(emergency)
    own = _own_lines(organisation)
    if not own.lines.exists():
        raise Refused("no_lines", "Add a line first.")
    own.emergency, own.review_until = emergency, review_until
    own.confirmed_at, own.confirmed_by = at or timezone.now(), by
    own.save()
    record("help_lines.confirmed", by=by, on=own, organisation=organisation.pk, at=at)
    return own
