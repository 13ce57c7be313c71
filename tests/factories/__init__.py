"""Each function makes the smallest valid row, and what it stands on."""

import itertools
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.models import Authenticator
from django.db.models import Model
from django.utils import timezone

from accounts import models as accounts
from groups import models as groups
from instruments import blanks
from instruments import models as instruments
from instruments.actions import load_definitions
from instruments.content import content_of
from instruments.schema import Licence as Notice
from outcomes import models as outcomes
from outreach import models as outreach
from oversight import models as oversight
from safeguarding import models as safeguarding
from screening import models as screening
from sessions import models as sessions
from supportgroups.lib.encrypted_fields import field_of
from supportgroups.lib.encryption import encrypt_bytes
from supportgroups.my_data import documents, making

_number = itertools.count(1)

PASSWORD = "correct horse battery staple"


def sealed(row: Model, **values: Any) -> dict[str, Any]:
    """Words of this row as `update()` takes them."""
    return {name: field_of(type(row), name).seal(value, row.pk) for name, value in values.items()}


def user(**fields: Any) -> accounts.User:
    """A person with a verified address and `PASSWORD`."""
    number = next(_number)
    fields.setdefault("email", f"person{number}@example.org")
    fields.setdefault("display_name", f"Person {number}")
    password = fields.pop("password", PASSWORD)
    person = accounts.User.objects.create_user(password=password, **fields)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


#: The app's secret of `authenticator()`, and the seed of its recovery codes.
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def authenticator(of: accounts.User, **fields: Any) -> Authenticator:
    """An app with `SECRET`, unless told otherwise. A passkey has no key that opens anything."""
    kind = fields.setdefault("type", Authenticator.Type.TOTP)
    sealed = get_mfa_adapter().encrypt(SECRET)
    data = {
        Authenticator.Type.TOTP: {"secret": sealed},
        Authenticator.Type.RECOVERY_CODES: {"seed": sealed, "used_mask": 0},
        Authenticator.Type.WEBAUTHN: {"name": "My phone", "credential": {}},
    }
    fields.setdefault("data", data[kind])
    return Authenticator.objects.create(user=of, **fields)


def organisation(**fields: Any) -> accounts.Organisation:
    number = next(_number)
    fields.setdefault("name", f"Organisation {number}")
    fields.setdefault("slug", f"organisation-{number}")
    return accounts.Organisation.objects.create(**fields)


def staff_role(**fields: Any) -> accounts.StaffRole:
    """A coordinator, unless told otherwise."""
    fields.setdefault("role", accounts.StaffRole.Role.COORDINATOR)
    if "user" not in fields:
        fields["user"] = user()
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    return accounts.StaffRole.objects.create(**fields)


def data_export(person: accounts.User, **fields: Any) -> accounts.DataExport:
    """A copy that was made: a ZIP file with a page of one word. With made_at=None one asked for."""
    fields.setdefault("nonce", "0" * 32)
    export = accounts.DataExport.objects.create(user=person, **fields)
    if "made_at" not in fields:
        content = BytesIO()
        with ZipFile(content, "w") as files:
            files.writestr(documents.DOCUMENT, "Hello")
        export.content = encrypt_bytes(content.getvalue(), bound_to=making.bound_to(export))
        export.made_at = timezone.now()
        export.expires_at = export.made_at + timedelta(days=2)
        export.save()
    return export


def topic(**fields: Any) -> groups.Topic:
    number = next(_number)
    fields.setdefault("name", f"Topic {number}")
    fields.setdefault("slug", f"topic-{number}")
    fields.setdefault("kind", groups.Topic.Kind.CONDITION)
    return groups.Topic.objects.create(**fields)


def group(**fields: Any) -> groups.SupportGroup:
    """A listed, peer-led, online drop-in group with an overseer and version 1 of an agreement."""
    number = next(_number)
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    fields.setdefault("name", f"Group {number}")
    fields.setdefault("slug", f"group-{number}")
    fields.setdefault("purpose", "A steady circle for anyone whose days feel heavy.")
    fields.setdefault("ground_rules", "Ask before you give advice. Most want to be heard first.")
    fields.setdefault("facilitation", groups.SupportGroup.Facilitation.PEER_LED)
    fields.setdefault("format", groups.SupportGroup.Format.ONLINE)
    fields.setdefault("lifecycle", groups.SupportGroup.Lifecycle.LISTED)
    peer_led = fields["facilitation"] == groups.SupportGroup.Facilitation.PEER_LED
    fields.setdefault("admission", "drop_in" if peer_led else "screened")
    if peer_led and "overseer" not in fields:
        fields["overseer"] = user()
    made = groups.SupportGroup.objects.create(**fields)
    agreement(group=made)
    return made


def facilitator(group: groups.SupportGroup, **fields: Any) -> groups.FacilitatorAssignment:
    if "user" not in fields:
        fields["user"] = user()
    return groups.FacilitatorAssignment.objects.create(group=group, **fields)


def agreement(group: groups.SupportGroup, **fields: Any) -> groups.Agreement:
    """The next version for the group."""
    fields.setdefault("version", group.agreements.count() + 1)
    fields.setdefault("text", "What is said here stays here. Nobody repeats it elsewhere.")
    return groups.Agreement.objects.create(group=group, **fields)


def membership(**fields: Any) -> groups.Membership:
    """One that has been applied for, unless another `status` is given; dates follow the status."""
    status = groups.Membership.Status(fields.setdefault("status", "applied"))
    if "group" not in fields:
        fields["group"] = group()
    if "user" not in fields:
        fields["user"] = user()
    now = timezone.now()
    fields.setdefault("applied_at", now - timedelta(days=30))
    if status in ("waitlisted", "offered"):
        fields.setdefault("waitlisted_at", now - timedelta(days=20))
    if status == groups.Membership.Status.OFFERED:
        fields.setdefault("offered_at", now - timedelta(hours=1))
        fields.setdefault("offer_expires_at", fields["offered_at"] + timedelta(hours=24))
    if status in ("accepted", "active", "removed", "completed"):
        fields.setdefault("accepted_at", now - timedelta(days=20))
    if status in ("active", "removed", "completed"):
        fields.setdefault("activated_at", now - timedelta(days=19))
    if status not in groups.Membership.OPEN:
        fields.setdefault("ended_at", now - timedelta(days=1))
    return groups.Membership.objects.create(**fields)


def signature(membership: groups.Membership, **fields: Any) -> groups.Signature:
    """Of the group's current agreement."""
    fields.setdefault("agreement", membership.group.current_agreement())
    fields.setdefault("signed_name", membership.user.public_name)
    return groups.Signature.objects.create(membership=membership, **fields)


def member(group: groups.SupportGroup, **fields: Any) -> groups.Membership:
    """A membership in good standing: active and signed."""
    made = membership(group=group, status="active", **fields)
    signature(made)
    return made


def appeal(group: groups.SupportGroup, **fields: Any) -> groups.Appeal:
    """Of somebody who was removed yesterday by `removed_by`, and nobody has decided."""
    if "membership" not in fields:
        fields["membership"] = membership(
            group=group, status="removed", ended_by=fields.get("removed_by")
        )
    fields.setdefault("answer_by", timezone.now() + timedelta(days=7))
    return groups.Appeal.objects.create(**fields)


def companion_invitation(
    membership: groups.Membership, **fields: Any
) -> groups.CompanionInvitation:
    """Of a partner, open for two weeks."""
    fields.setdefault("relation", groups.CompanionInvitation.Relation.PARTNER)
    fields.setdefault("invited_at", timezone.now())
    fields.setdefault("expires_at", fields["invited_at"] + timedelta(days=14))
    return groups.CompanionInvitation.objects.create(membership=membership, **fields)


def notice(group: groups.SupportGroup, user: accounts.User, **fields: Any) -> groups.Notice:
    """That a place is free, not told yet."""
    fields.setdefault("kind", groups.Notice.Kind.OFFERED)
    return groups.Notice.objects.create(group=group, user=user, **fields)


def series(group: groups.SupportGroup, **fields: Any) -> sessions.Series:
    """Tuesdays at 18:30 in the group's zone, since a year ago."""
    fields.setdefault("rrule", "FREQ=WEEKLY;BYDAY=TU")
    fields.setdefault("starts_on", timezone.localdate() - timedelta(days=365))
    fields.setdefault("starts_at_time", time(18, 30))
    fields.setdefault("time_zone", group.time_zone)
    return sessions.Series.objects.create(group=group, **fields)


def support_session(group: groups.SupportGroup, **fields: Any) -> sessions.SupportSession:
    """One that starts tomorrow; `status="live"` began 5 minutes ago, "ended" was yesterday."""
    status = fields.setdefault("status", "scheduled")
    now = timezone.now()
    starts: dict[str, datetime] = {
        "scheduled": now + timedelta(days=1),
        "cancelled": now + timedelta(days=1),
        "live": now - timedelta(minutes=5),
        "ended": now - timedelta(days=1),
    }
    fields.setdefault("starts_at", starts[status])
    fields.setdefault("ends_at", fields["starts_at"] + timedelta(minutes=90))
    fields.setdefault("recurrence_id", fields["starts_at"])
    if status in ("live", "ended"):
        fields.setdefault("began_at", fields["starts_at"])
    if status == "ended":
        fields.setdefault("ended_at", fields["ends_at"])
    if status == "cancelled":
        fields.setdefault("cancelled_for", "by_hand")
    return sessions.SupportSession.objects.create(group=group, **fields)


def agenda(
    support_session: sessions.SupportSession, *, current: int = 1
) -> list[sessions.AgendaItem]:
    """Three parts; the one at position `current` runs."""
    now = timezone.now()
    return [
        sessions.AgendaItem.objects.create(
            support_session=support_session,
            position=position,
            title=title,
            minutes=minutes,
            began_at=now if position <= current else None,
            ended_at=now if position < current else None,
        )
        for position, (title, minutes) in enumerate(
            [("Check in", 20), ("Theme", 40), ("Close", 10)], start=1
        )
    ]


def entry(support_session: sessions.SupportSession, user: accounts.User) -> sessions.Entry:
    """The privacy reminder accepted, the person in the room."""
    return sessions.Entry.objects.create(support_session=support_session, user=user)


def attendance(
    support_session: sessions.SupportSession, membership: groups.Membership, **fields: Any
) -> sessions.Attendance:
    fields.setdefault("status", "attended")
    if fields["status"] in sessions.Attendance.CAME:
        fields.setdefault("first_seen_at", support_session.starts_at)
        fields.setdefault("last_seen_at", support_session.ends_at)
    return sessions.Attendance.objects.create(
        support_session=support_session, membership=membership, **fields
    )


def message(
    support_session: sessions.SupportSession, sender: accounts.User, **fields: Any
) -> sessions.Message:
    """The next one of the session."""
    sessions.SupportSession.objects.filter(pk=support_session.pk).update(
        message_count=support_session.message_count + 1
    )
    support_session.message_count += 1
    fields.setdefault("sequence", support_session.message_count)
    fields.setdefault("client_id", uuid4())
    fields.setdefault("body", "Glad to be here.")
    fields.setdefault("sent_at", timezone.now())
    return sessions.Message.objects.create(support_session=support_session, sender=sender, **fields)


def intervention(support_session: sessions.SupportSession, **fields: Any) -> sessions.Intervention:
    """The door locked, unless another kind is given; about a message, also about who wrote it."""
    kind = fields.setdefault("kind", "lock")
    fields.setdefault("reason", "rules")
    if message := fields.get("message"):
        fields.setdefault("about", message.sender)
    if kind == "redirect":
        fields.setdefault("claim", "this cures it")
        if "resource" not in fields:
            fields["resource"] = resource(organisation=support_session.group.organisation)
    return sessions.Intervention.objects.create(support_session=support_session, **fields)


def report(message: sessions.Message, **fields: Any) -> sessions.Report:
    """By somebody, and nobody has looked."""
    if "reporter" not in fields:
        fields["reporter"] = user()
    fields.setdefault("reason", "hurts")
    return sessions.Report.objects.create(message=message, **fields)


def hint(message: sessions.Message, **fields: Any) -> sessions.Hint:
    fields.setdefault("list_version", "en 1")
    return sessions.Hint.objects.create(message=message, **fields)


def reminder(
    support_session: sessions.SupportSession, user: accounts.User, **fields: Any
) -> sessions.Reminder:
    fields.setdefault("kind", "day_before")
    return sessions.Reminder.objects.create(support_session=support_session, user=user, **fields)


def pulse(
    support_session: sessions.SupportSession, user: accounts.User, **fields: Any
) -> sessions.Pulse:
    """Felt mostly heard, and safe."""
    fields.setdefault("felt_heard", 4)
    fields.setdefault("felt_safe", 5)
    return sessions.Pulse.objects.create(support_session=support_session, user=user, **fields)


def debrief(
    support_session: sessions.SupportSession, author: accounts.User, **fields: Any
) -> sessions.Debrief:
    """A finished one; `written_at=None` is a draft."""
    fields.setdefault("how_it_went", "A calm evening.")
    fields.setdefault("written_at", timezone.now())
    return sessions.Debrief.objects.create(support_session=support_session, author=author, **fields)


def follow_up(support_session: sessions.SupportSession, **fields: Any) -> sessions.FollowUp:
    """Due tomorrow."""
    fields.setdefault("what", "Ring the library about the room.")
    if "owner" not in fields:
        fields["owner"] = user()
    fields.setdefault("due_on", timezone.localdate() + timedelta(days=1))
    return sessions.FollowUp.objects.create(support_session=support_session, **fields)


def instrument(code: str = "phq-9") -> instruments.Instrument:
    """The shipped questionnaire itself."""
    load_definitions()
    return instruments.Instrument.objects.newest(code)


def licence(
    organisation: accounts.Organisation, code: str = "pss-10", **fields: Any
) -> instruments.Licence:
    """Valid since a month ago, without an end."""
    fields.setdefault("owner", "Dr Cohen")
    fields.setdefault("granted_on", timezone.localdate() - timedelta(days=30))
    fields.setdefault("scope", "Our groups, online")
    fields.setdefault("evidence", "Letter of 3 May, no. 12")
    return instruments.Licence.objects.create(organisation=organisation, code=code, **fields)


def terms_acceptance(
    organisation: accounts.Organisation, code: str = "ucla-3", **fields: Any
) -> instruments.TermsAcceptance:
    fields.setdefault("terms", instrument(code).terms)
    return instruments.TermsAcceptance.objects.create(
        organisation=organisation, code=code, **fields
    )


def words(code: str = "pss-10", **changes: Any) -> blanks.Words:
    """A text for each question and answer of a questionnaire that has none."""
    blank = blanks.get(code)
    texts = [f"How often was it {n}?" for n in range(1, len(blank.definition.items) + 1)]
    labels = [[f"So often: {value}" for value in each.values] for each in blank.answer_sets]
    return blanks.Words(**{"texts": texts, "labels": labels} | changes)


def own_instrument(
    organisation: accounts.Organisation, code: str = "pss-10", **fields: Any
) -> instruments.Instrument:
    """The organisation's own wording, with the licence for it on record."""
    if not organisation.licences.filter(code=code, ended_at=None).exists():
        licence(organisation, code)
    fields.setdefault("version", "1")
    definition = blanks.get(code).with_words(
        words(code),
        version=fields["version"],
        licence=Notice("held-by-the-organisation", "© Dr Cohen", "Letter"),
    )
    return instruments.Instrument.objects.create(
        organisation=organisation,
        code=code,
        language="en",
        title=definition.title,
        definition=content_of(definition),
        licence=definition.licence.notice,
        source=definition.licence.source,
        **fields,
    )


def survey_plan(group: groups.SupportGroup, **fields: Any) -> outcomes.SurveyPlan:
    if "instrument" not in fields:
        fields["instrument"] = instrument()
    if "every_weeks" not in fields:
        fields.setdefault("every_sessions", 4)
    fields.setdefault("began_at", timezone.now() - timedelta(days=365))
    return outcomes.SurveyPlan.objects.create(group=group, **fields)


def invitation(
    plan: outcomes.SurveyPlan, membership: groups.Membership, **fields: Any
) -> outcomes.SurveyInvitation:
    """Due since an hour ago and open for a week; its mail waits unless it was sent."""
    fields.setdefault("wave", 0)
    fields.setdefault("occasion", "regular" if fields["wave"] else "baseline")
    fields.setdefault("due_at", timezone.now() - timedelta(hours=1))
    fields.setdefault("arose_at", fields["due_at"])
    fields.setdefault("closes_at", fields["due_at"] + timedelta(days=7))
    if not fields.get("sent_at"):
        fields.setdefault("next_mail_at", fields["due_at"])
    return outcomes.SurveyInvitation.objects.create(plan=plan, membership=membership, **fields)


def response(invitation: outcomes.SurveyInvitation, **fields: Any) -> outcomes.Response:
    """An unfinished one, unless `submitted_at` and `score` are given."""
    fields.setdefault("instrument", invitation.plan.instrument)
    return outcomes.Response.objects.create(invitation=invitation, **fields)


def disclosure(**fields: Any) -> outcomes.Disclosure:
    """A consent to a summary that nobody has signed yet."""
    if "user" not in fields:
        fields["user"] = user()
    fields.setdefault("person_name", "Sam Rivers")
    fields.setdefault("recipient_name", "Dr Ada Moss")
    fields.setdefault("recipient_organisation", "Elm Street Practice")
    fields.setdefault("purpose", "To help with my care")
    fields.setdefault("instruments", ["phq-9"])
    fields.setdefault("ends_on", timezone.localdate() + timedelta(days=90))
    return outcomes.Disclosure.objects.create(**fields)


def signed_disclosure(**fields: Any) -> outcomes.Disclosure:
    """One that was signed and made, with two files of no content."""
    now = timezone.now()
    signed = {"signed_at": now, "signature": "Sam Rivers", "version": 1, "made_at": now}
    fields = signed | {"terms": [["To whom", "Dr Ada Moss, as signed"]]} | fields
    made = disclosure(**fields)
    for kind in outcomes.DisclosureFile.Kind.values:
        outcomes.DisclosureFile.objects.create(disclosure=made, kind=kind, content=b"{}")
    return made


def analysis(organisation: accounts.Organisation, **fields: Any) -> outcomes.Analysis:
    """Of loneliness, worry and low mood, waiting to be made."""
    load_definitions()
    fields = {"x": "ons-loneliness", "m": "gad-7", "y": "phq-9"} | fields
    fields.setdefault("until", timezone.localdate().replace(day=1))
    return outcomes.Analysis.objects.create(organisation=organisation, **fields)


def screening_form(group: groups.SupportGroup) -> screening.ScreeningForm:
    """Three questions: one in own words, one that may signal risk, one acknowledgement."""
    form = screening.ScreeningForm.objects.create(
        group=group, version=group.screening_forms.count() + 1
    )
    screening.Question.objects.create(
        form=form, position=1, kind="text", text="What brings you here?", is_sensitive=True
    )
    screening.Question.objects.create(
        form=form,
        position=2,
        kind="yes_no",
        text="Have you had thoughts of ending your life in the past two weeks?",
        is_sensitive=True,
        proposals={"yes": "urgent"},
    )
    screening.Question.objects.create(
        form=form,
        position=3,
        kind="yes_no",
        text="Do you understand that a support group is not therapy?",
        is_acknowledgement=True,
    )
    return form


def application(
    group: groups.SupportGroup, *, user: accounts.User, status: str = "draft", **fields: Any
) -> screening.Application:
    """A draft without answers, or a sent one with its membership."""
    form = group.screening_forms.order_by("-version").first() or screening_form(group)
    if status != "draft":
        now = timezone.now()
        fields.setdefault("submitted_at", now - timedelta(hours=2))
        fields.setdefault("answer_by", now + timedelta(hours=46))
        fields.setdefault("proposal", "ready")
        if "membership" not in fields:
            fields["membership"] = membership(group=group, user=user)
    made = screening.Application.objects.create(form=form, user=user, status=status, **fields)
    if status != "draft":
        for question in form.questions.all():
            value = "yes" if question.is_acknowledgement else "no"
            made.answers.create(question=question, value=value)
    return made


def concern(**fields: Any) -> safeguarding.Concern:
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    if "about" not in fields:
        fields["about"] = user()
    fields.setdefault("source", "survey")
    fields.setdefault("occasion", f"test:{next(_number)}")
    fields.setdefault("detail", "An answer that a person should look at.")
    fields.setdefault("respond_by", timezone.now() + timedelta(hours=4))
    return safeguarding.Concern.objects.create(**fields)


def kept_hold(organisation: accounts.Organisation, **fields: Any) -> safeguarding.Hold:
    """What was kept of a concern when an account closed."""
    fields.setdefault("until", timezone.localdate() + timedelta(days=90))
    return safeguarding.Hold.objects.create(
        organisation=organisation,
        reason="An inquest asks for it.",
        name="Sam",
        record="Words",
        kept_at=timezone.now(),
        **fields,
    )


def close(concern: safeguarding.Concern) -> None:
    """Somebody has looked after it, past what asks who may."""
    concern.acknowledged_at = concern.closed_at = timezone.now()
    concern.closing_note = "We talked."
    concern.save()


def emergency_access(**fields: Any) -> oversight.EmergencyAccess:
    """Opened just now by a supervisor of the organisation."""
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    if "opened_by" not in fields:
        fields["opened_by"] = staff_role(
            organisation=fields["organisation"], role="supervisor"
        ).user
    fields.setdefault("opened_at", timezone.now())
    fields.setdefault("ends_at", fields["opened_at"] + oversight.EmergencyAccess.LASTS)
    fields.setdefault("reason", "Somebody rang and said they are in danger.")
    return oversight.EmergencyAccess.objects.create(**fields)


def resource(**fields: Any) -> safeguarding.Resource:
    """In the library, reviewed today for half a year."""
    number = next(_number)
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    fields.setdefault("title", f"Source {number}")
    fields.setdefault("summary", "What is known, in a few plain words.")
    fields.setdefault("source", "A health service")
    fields.setdefault("url", f"https://health.example.org/{number}")
    fields.setdefault("reviewed_on", timezone.localdate())
    fields.setdefault("review_until", timezone.localdate() + timedelta(days=180))
    return safeguarding.Resource.objects.create(**fields)


def feed(**fields: Any) -> outreach.Feed:
    """A Meeting Guide feed."""
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    fields.setdefault("name", f"Feed {next(_number)}")
    fields.setdefault("format", outreach.Feed.Format.MEETING_GUIDE)
    return outreach.Feed.objects.create(**fields)


def import_run(**fields: Any) -> outreach.Import:
    """One reading of a feed that waits to be read; `organisation` makes the feed."""
    in_organisation = fields.pop("organisation", None)
    if "feed" not in fields:
        fields["feed"] = feed(**({"organisation": in_organisation} if in_organisation else {}))
    return outreach.Import.objects.create(**fields)


def on_call_plan(organisation: accounts.Organisation, **fields: Any) -> safeguarding.OnCallPlan:
    """Times of day may be words such as "09:00"."""
    for name in {"opens_at", "closes_at"} & fields.keys():
        fields[name] = time.fromisoformat(fields[name])
    return safeguarding.OnCallPlan.objects.create(organisation=organisation, **fields)


def programme(**fields: Any) -> outcomes.Programme:
    """Of the groups given, or of one new group."""
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    own = fields.pop("groups", None) or [group(organisation=fields["organisation"])]
    fields.setdefault("name", f"Programme {next(_number)}")
    made = outcomes.Programme.objects.create(**fields)
    made.groups.set(own)
    return made


def funder_report(**fields: Any) -> outcomes.FunderReport:
    """Of all groups in the first quarter of 2026; it waits to be made."""
    if "organisation" not in fields:
        fields["organisation"] = organisation()
    fields.setdefault("first_day", date(2026, 1, 1))
    fields.setdefault("last_day", date(2026, 3, 31))
    fields.setdefault("group_ids", [])
    fields.setdefault("scope", f"scope-{next(_number)}")
    return outcomes.FunderReport.objects.create(**fields)


def confirmed_lines(
    organisation: accounts.Organisation, **fields: Any
) -> safeguarding.CountryLines:
    """Help lines that somebody has tried, for half a year."""
    fields.setdefault("confirmed_at", timezone.now())
    fields.setdefault("review_until", timezone.localdate() + timedelta(days=180))
    made = safeguarding.CountryLines.objects.create(
        organisation=organisation, country=organisation.country, emergency="999", **fields
    )
    made.lines.create(position=1, name="Samaritans", call="116 123")
    return made
