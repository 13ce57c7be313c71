"""Keeping a session safe: who may step in, report, read what was hidden, and judge. Never writes.

Every no about a person goes through `rules.admitted_to`, `rules.listening_only` and
`rules.check_not_locked`: socket, form and the statement that stores a message agree.
"""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from accounts.models import StaffRole, User
from accounts.rules import Viewer, organisations_coordinated_by
from groups.models import FacilitatorAssignment, SupportGroup
from safeguarding.models import Concern, Resource, Stage
from safeguarding.risk_words import WordList, word_list
from sessions import after_rules, rules
from sessions.models import (
    Entry,
    Hint,
    Intervention,
    InterventionQuerySet,
    Message,
    Report,
    ReportQuerySet,
    SupportSession,
)
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import time_words

# In the room --------------------------------------------------------------------------------------

#: Which reasons fit which step; a redirect names the claim instead.
REASONS = {
    Intervention.Kind.HIDE: ("hurts", "private", "rules", "claim", "other"),
    Intervention.Kind.MUTE: ("hurts", "private", "rules", "stranger", "other"),
    Intervention.Kind.REMOVE: ("hurts", "private", "rules", "stranger", "other"),
    Intervention.Kind.LOCK: ("quiet", "stranger", "hurts", "other"),
}
REPORT_REASONS = ("hurts", "private", "rules", "claim", "stranger", "other")


def check_may_step_in(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person leads the session and is in its open room."""
    rules.check_leads(rules.check_may_be_in_room(user, support_session))


def check_may_be_asked(about: User | None, support_session: SupportSession, *, by: User) -> None:
    """Raise `Refused` unless this is somebody else, who has been in the room and does not lead."""
    if about is None:
        raise Refused("gone", "They have closed their account.")
    if about == by:
        raise Refused("oneself", "This is about yourself. You can leave the room at any time.")
    if rules.leading(support_session).filter(pk=about.pk).exists():
        raise Refused("leads", "They lead this session. Please talk with a coordinator.")
    rules.check_has_been_in_room(about, support_session)


def messages_in_reach(user: User, support_session: SupportSession) -> QuerySet[Message]:
    """What this person can read, in the room or afterwards; whoever may not is `Refused`."""
    if support_session.status == SupportSession.Status.ENDED:
        after_rules.check_may_read_again(user, support_session)
    else:
        rules.check_may_be_in_room(user, support_session)
    return support_session.messages.select_related("sender", "support_session__group")


def check_may_hide(message: Message, *, by: User) -> None:
    """Raise `Refused` for one's own words, and for those of another who leads."""
    if message.sender_id == by.pk:
        raise Refused("own", "This is your own message.")
    if message.is_from_facilitator:
        raise Refused("leads", "It is from somebody who leads. Report it: a coordinator will look.")


def check_may_redirect(message: Message, *, by: User) -> None:
    """Raise `Refused` for one's own words, for hidden ones, and where a source stands already."""
    if message.sender_id == by.pk:
        raise Refused("own", "This is your own message.")
    if message.hidden_at is not None:
        raise Refused("hidden", "This message is hidden, so nobody sees what it says.")
    if running_on(message, Intervention.Kind.REDIRECT) is not None:
        raise Refused("state_changed", "A better source stands under this message already.")


def check_may_report(message: Message, *, by: User) -> None:
    """Raise `Refused` for one's own message."""
    if message.sender_id == by.pk:
        raise Refused("own", "This is your own message.")


def running_on(message: Message, kind: str) -> Intervention | None:
    """The step about this message that nobody has undone."""
    return message.interventions.running().of_kind(kind).first()


def check_may_undo(intervention: Intervention, *, by: User) -> None:
    """Raise `Refused` unless this person leads from inside the room and it is still running."""
    check_may_step_in(by, intervention.support_session)
    if intervention.ended_at is not None:
        raise Refused("state_changed", "Somebody has undone this already.")


def claim_in(message: Message, claim: str) -> str:
    """The part of the message that was marked, with single spaces, or `Refused`."""
    marked = " ".join(claim.split())
    if not marked or marked not in " ".join(message.body.split()):
        raise Refused("not_in_message", "Copy the words from the message, letter by letter.")
    return marked


def resources_for(support_session: SupportSession, *, on: date | None = None) -> QuerySet[Resource]:
    """What a facilitator can choose from: the library, without what has to be read again."""
    return Resource.objects.vetted(on).filter(organisation=support_session.group.organisation_id)


def check_is_vetted(resource: Resource, support_session: SupportSession) -> None:
    """Raise `Refused` for a source of another library, or whose review is over."""
    if not resources_for(support_session).filter(pk=resource.pk).exists():
        raise Refused("not_vetted", "This source has to be read again first. Choose another one.")


def shown_redirects() -> QuerySet[Intervention]:
    """The better sources that stand under messages; one that left the library stands no more."""
    return (
        Intervention.objects.running()
        .of_kind(Intervention.Kind.REDIRECT)
        .filter(resource__retired_at__isnull=True)
        .select_related("resource__reviewed_by", "resource__organisation")
    )


# Reports ------------------------------------------------------------------------------------------


def _of_those_who_lead() -> Q:
    """A message by somebody who led when they wrote it, or leads the group now."""
    leads = FacilitatorAssignment.objects.filter(
        group=OuterRef("message__support_session__group"), user=OuterRef("message__sender")
    )
    return Q(message__is_from_facilitator=True) | Q(Exists(leads))


def reports_shown_to_leads(support_session: SupportSession) -> QuerySet[Report]:
    """Open reports that facilitators see: never one about a facilitator, never who reported."""
    return (
        Report.objects.open()
        .filter(message__support_session=support_session)
        .exclude(_of_those_who_lead())
        .select_related("message__sender")
        .order_by("made_at")
    )


def is_for_reviewers_alone(report: Report) -> bool:
    """Whether it is about somebody who leads, so that facilitators are not told."""
    return Report.objects.filter(_of_those_who_lead(), pk=report.pk).exists()


def reports_to_tell() -> QuerySet[Report]:
    """Open reports about a facilitator of which no reviewer was told by mail."""
    return Report.objects.open().filter(_of_those_who_lead(), told_at__isnull=True)


# Hints --------------------------------------------------------------------------------------------


def hints_shown_to_leads(support_session: SupportSession) -> QuerySet[Hint]:
    """Hints that no facilitator has answered."""
    return (
        Hint.objects.open()
        .filter(message__support_session=support_session)
        .select_related("message__sender")
        .order_by("noticed_at")
    )


def list_of(group: SupportGroup) -> WordList | None:
    """The word list of the group's language, if there is one."""
    return word_list(group.language)


# People -------------------------------------------------------------------------------------------


def people_of(support_session: SupportSession) -> list[dict[str, Any]]:
    """Everybody who has been in the room, by name, and what was asked of them."""
    inside = set(rules.in_room(support_session).values_list("user", flat=True))
    leads = set(rules.leading(support_session).values_list("pk", flat=True))
    steps = {
        (step.kind, step.about_id): step
        for step in rules.stepped_in(support_session, *Intervention.OF_A_PERSON)
    }
    people = User.objects.filter(entries__support_session=support_session).distinct()
    return [
        {
            "user": person,
            "is_here": person.pk in inside,
            "leads": person.pk in leads,
            "mute": steps.get((Intervention.Kind.MUTE, person.pk)),
            "removal": steps.get((Intervention.Kind.REMOVE, person.pk)),
        }
        for person in sorted(people, key=lambda each: each.public_name.casefold())
    ]


def offered_help_in(support_session: SupportSession, user: User) -> Entry | None:
    """The entry on which this person is shown help lines."""
    return rules.offered_help(support_session).filter(user=user).first()


# Review -------------------------------------------------------------------------------------------


def groups_reviewed_by(user: Viewer) -> QuerySet[SupportGroup]:
    """The groups whose steps and reports this person judges: as overseer or coordinator."""
    if not user.is_authenticated:
        return SupportGroup.objects.none()
    return SupportGroup.objects.filter(
        Q(overseer=user) | Q(organisation__in=organisations_coordinated_by(user))
    )


def interventions_reviewed_by(user: Viewer) -> InterventionQuerySet:
    """Every step in these groups but those about the reviewer; their own can be looked at only."""
    return (
        Intervention.objects.filter(support_session__group__in=groups_reviewed_by(user))
        .exclude(about=user.pk)
        .select_related(
            "support_session__group", "message__sender", "about", "made_by", "ended_by",
            "reviewed_by", "resource",
        )
    )  # fmt: skip


def interventions_to_judge(user: Viewer) -> InterventionQuerySet:
    """What waits for this person: what others did and nobody has judged."""
    return interventions_reviewed_by(user).to_review().exclude(made_by=user.pk)


def reports_reviewed_by(user: Viewer) -> ReportQuerySet:
    """Every report in these groups but those of the reviewer's own words."""
    return (
        Report.objects.filter(message__support_session__group__in=groups_reviewed_by(user))
        .exclude(message__sender=user.pk)
        .select_related("message__sender", "message__support_session__group", "reporter",
                        "handled_by")
    )  # fmt: skip


def check_may_review(user: Viewer) -> None:
    """Raise `Refused` for whoever neither coordinates an organisation nor oversees a group."""
    if not groups_reviewed_by(user).exists() and not organisations_coordinated_by(user).exists():
        raise Refused("not_reviewer", "Reviews are for coordinators and overseers.")


def check_may_judge(intervention: Intervention, *, by: User) -> None:
    """Raise `Refused` for one's own step, and for one that somebody has judged."""
    if not interventions_reviewed_by(by).filter(pk=intervention.pk).exists():
        raise Refused("not_reviewer", "Reviews are for coordinators and overseers.")
    if intervention.made_by_id == by.pk:
        raise Refused("own", "You did this yourself. Somebody else looks at it.")
    if intervention.reviewed_at is not None:
        raise Refused("state_changed", "Somebody has judged this already.")


def why_not_judge(intervention: Intervention, *, by: User) -> Refused | None:
    """The no of `check_may_judge` for a page that says so, or None."""
    try:
        check_may_judge(intervention, by=by)
    except Refused as no:
        return no
    return None


def reviews_waiting(user: Viewer) -> int:
    """How many reports and steps wait for this person's look."""
    if not user.is_authenticated:
        return 0
    return reports_reviewed_by(user).open().count() + interventions_to_judge(user).count()


#: So many of each kind stand in the list of reviews.
REVIEWS_SHOWN = 200


def reviews_of(
    user: User, *, settled: bool, group: SupportGroup | None = None
) -> list[Report | Intervention]:
    """Reports and steps for a list, of all groups or one: what waits, the oldest first, else the
    newest settled first."""
    reports, steps = reports_reviewed_by(user), interventions_reviewed_by(user)
    if group is not None:
        reports = reports.filter(message__support_session__group=group)
        steps = steps.filter(support_session__group=group)
    if settled:
        found: list[Report | Intervention] = [
            *reports.filter(handled_at__isnull=False).order_by("-made_at")[:REVIEWS_SHOWN],
            *steps.filter(reviewed_at__isnull=False).order_by("-made_at")[:REVIEWS_SHOWN],
        ]
    else:
        found = [
            *reports.open().order_by("made_at")[:REVIEWS_SHOWN],
            *steps.to_review().order_by("made_at")[:REVIEWS_SHOWN],
        ]
    return sorted(found, key=lambda each: each.made_at, reverse=settled)


def check_may_handle(report: Report, *, by: User) -> None:
    """Raise `Refused` unless the report is open and this person may see it.

    A reviewer at any time; a facilitator from inside the room, where it is not about one of them.
    """
    if report.handled_at is not None:
        raise Refused("state_changed", "Somebody has looked at this already.")
    if reports_reviewed_by(by).filter(pk=report.pk).exists():
        return
    support_session = report.message.support_session
    check_may_step_in(by, support_session)
    if not reports_shown_to_leads(support_session).filter(pk=report.pk).exists():
        raise Refused("not_reviewer", "Only coordinators and overseers look at this.")


def reviewers_to_tell(group: SupportGroup, *, besides: set[UUID | None]) -> list[User]:
    """Who is told that something waits: the group's overseer, else the organisation's
    coordinators; never whom it is about, nor who did it."""
    people = User.objects.filter(is_active=True).exclude(
        pk__in=[key for key in besides if key is not None]
    )
    overseers = list(people.filter(overseen_groups=group))
    if overseers:
        return overseers
    coordinators = StaffRole.objects.coordinators().filter(organisation=group.organisation_id)
    return list(people.filter(pk__in=coordinators.values("user")).order_by("joined_at"))


def redirects_to_tell() -> QuerySet[Intervention]:
    """Redirects in peer-led groups that wait for the professional overseer, who was not told."""
    return (
        Intervention.objects.to_review()
        .of_kind(Intervention.Kind.REDIRECT)
        .filter(
            support_session__group__facilitation=SupportGroup.Facilitation.PEER_LED,
            told_at__isnull=True,
        )
    )


# What pages show ----------------------------------------------------------------------------------


def is_of_somebody_who_leads(message: Message) -> bool:
    """Whether a report of it goes past the facilitators."""
    return (
        message.is_from_facilitator
        or FacilitatorAssignment.objects.filter(
            group=message.support_session.group_id, user=message.sender_id
        ).exists()
    )


def what_may_be_done(message: Message, *, by: User) -> dict[str, Any]:
    """Which ways a page about a message offers to this reader; each way asks its own rule again."""
    session = message.support_session
    in_room = rules.in_room(session).filter(user=by).exists()
    leads = in_room and rules.leading(session).filter(pk=by.pk).exists()
    own = message.sender_id == by.pk
    theirs = is_of_somebody_who_leads(message)
    hide = running_on(message, Intervention.Kind.HIDE)
    redirect = running_on(message, Intervention.Kind.REDIRECT)
    is_shown = hide is None and message.deleted_at is None
    return {
        "own": own,
        "report": not own
        and message.sender_id is not None
        and not Report.objects.filter(message=message, reporter=by).exists(),
        "reported": Report.objects.filter(message=message, reporter=by).exists(),
        "hide": leads and not own and is_shown and not message.is_from_facilitator,
        "unhide": hide if leads else None,
        "redirect": leads and not own and redirect is None and is_shown,
        "take_back": redirect if leads else None,
        "ask": leads and not own and not theirs and message.sender_id is not None,
    }


def what_follows(report: Report) -> str:
    """What happens next with a report, for whoever made it."""
    organisation = report.message.support_session.group.organisation.name
    if is_for_reviewers_alone(report):
        return (
            f"Thank you. Only reviewers at {organisation} see this, not the facilitators. "
            "They get an e-mail now. Nobody in the room sees that you reported it."
        )
    return (
        f"Thank you. The facilitators see it now, and reviewers at {organisation} look at it "
        "afterwards. Nobody in the room sees that you reported it."
    )


def who_looks_after(concern: Concern) -> str:
    """What happens next with a concern, for a facilitator who opened it."""
    if concern.assigned_to is None:
        return "Nobody is on call at the moment, so nobody is told yet. Stay in touch with them."
    if concern.stage == Stage.ON_IT:
        return f"{concern.assigned_to.public_name} is on it. Stay in touch with them until then."
    until = time_words(concern.respond_by)
    return (
        f"{concern.assigned_to.public_name} will be told by e-mail and asked to be in touch by "
        f"{until}. Until then nobody is watching: stay in touch with them."
    )


def reports_part(support_session: SupportSession) -> dict[str, Any]:
    """What facilitators see of reports and running steps, also as a live part of the room."""
    return {
        "reports": [
            {"report": report, "whose": whose(report.message)}
            for report in reports_shown_to_leads(support_session)
        ],
        "running": rules.stepped_in(support_session, *Intervention.Kind.values).count(),
    }


def hints_part(support_session: SupportSession) -> dict[str, Any]:
    """What facilitators see of hints, also as a live part of the room."""
    return {
        "hints": [
            {"hint": hint, "whose": whose(hint.message)}
            for hint in hints_shown_to_leads(support_session)
        ],
        "word_list": list_of(support_session.group),
    }


def whose(message: Message) -> str:
    """What to call whoever wrote it, for somebody who may not know more."""
    if message.is_anonymous:
        return "whoever asked without a name"
    return message.sender.public_name if message.sender else "somebody who has left"


def asked_without_name(support_session: SupportSession) -> list[Intervention]:
    """Running steps about people who wrote without a name: undone without naming them."""
    return list(
        rules.stepped_in(support_session, *Intervention.OF_A_PERSON).filter(
            message__is_anonymous=True
        )
    )


def way_back(support_session: SupportSession) -> str:
    """Where somebody goes on: the room while it is open, then what was said there."""
    if support_session.status == SupportSession.Status.ENDED:
        return reverse("sessions:conversation", args=[support_session.pk])
    return reverse("sessions:room", args=[support_session.pk])
