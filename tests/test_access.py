"""Who gets in where: every address and socket, with everybody of the cast.

A new address fails `test_every_door_is_classified` until somebody says here who may use it.
`GET`, `POST` say how the door is tried; POST sends an empty form, so "gets in" means any answer
but a no: the page, a redirect onwards, or the form with its errors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.rules import stop_token
from groups.models import Membership
from groups.rules import companion_token
from oversight.rules import token_of as person_token
from sessions.actions import make_calendar_feed
from sessions.before_rules import answer_token
from sessions.door_rules import checkin_code
from sessions.live import sender_token
from sessions.models import DayOff
from sessions.routing import websocket_urlpatterns
from sessions.rules import (
    feed_token,
)
from supportgroups.asgi import application as asgi_application
from supportgroups.my_data.rules import token_of
from tests import factories
from tests.cast import Person
from tests.test_conventions import our_urls, urls_of_allauth

EVERYBODY = {
    "visitor",
    "outsider",
    "applicant",
    "member",
    "facilitator",
    "coordinator",
    "other_coordinator",
}
SIGNED_IN = EVERYBODY - {"visitor"}
STAFF = {"facilitator", "coordinator"}
IN_THE_ROOM = {"member", "facilitator"}
#: These remember what a visitor brings along, then send them to sign in.
LEADS_TO_SIGN_IN = {"sessions:checkin"}


class World:
    """The objects that the doors lead to: the cast's own group, and what is in it."""

    def __init__(self, cast: dict[str, Person], group: Any) -> None:
        def person(name: str) -> Any:
            user = cast[name].user
            assert user is not None
            return user

        self.group = group
        self.organisation = group.organisation
        self.member = person("member")
        self.membership = Membership.objects.get(user=self.member)
        self.notice = factories.notice(group, self.member)
        group.allows_companions = True
        group.save()
        self.token = companion_token(factories.companion_invitation(self.membership))
        self.appeal = factories.appeal(group, removed_by=person("facilitator"))
        # Where the outsider left by themselves yesterday, and the member was removed.
        self.former = factories.group(organisation=self.organisation)
        factories.membership(
            group=self.former,
            user=person("outsider"),
            status="withdrawn",
            accepted_at=timezone.now() - timedelta(days=20),
        )
        factories.membership(group=self.former, user=self.member, status="removed")
        # The facilitator's colleagues may reset it; nobody of the cast owns this one.
        factories.authenticator(person("facilitator"))
        self.passkey = factories.authenticator(factories.user(), type="webauthn")
        self.application = person("applicant").applications.get()
        self.draft = factories.application(group, user=person("outsider"))
        self.referred = factories.application(
            group,
            user=person("outsider"),
            status="referred",
            membership=factories.membership(
                group=group, user=person("outsider"), status="referred"
            ),
        )
        talking = factories.application(group, user=factories.user(), status="talk_first")
        self.talk = talking.appointments.create(how="By telephone")
        now = timezone.now()
        self.talk.times.create(starts_at=now + timedelta(days=1), picked_at=now)
        # Last of the questions: applications above are of the version that is asked.
        form = factories.screening_form(group)
        self.asked = form.questions.get(position=2)
        group.screening_forms.filter(pk=form.pk).update(published_at=None)
        path = {"value": 0.4, "lower": 0.1, "upper": 0.7}
        self.analysis = factories.analysis(
            group.organisation,
            state="done",
            made_at=timezone.now(),
            fingerprint="0" * 64,
            result={
                **dict.fromkeys(("a", "b", "direct", "total", "indirect"), path),
                "n": 120,
                "left_out": 12,
                "waves_in_order": True,
                "with_firsts": True,
                "weeks_to_m": 4.0,
                "weeks_to_y": 4.0,
                "resamples": 5000,
            },
        )
        self.run = factories.import_run(organisation=group.organisation, state="ready")
        self.live = factories.support_session(group, status="live")
        factories.agenda(self.live)
        for name in IN_THE_ROOM:
            factories.entry(self.live, person(name))
        self.held = factories.support_session(group, status="ended")
        factories.attendance(self.held, self.membership)
        factories.pulse(self.held, self.member)
        self.follow_up = factories.follow_up(self.held, owner=person("facilitator"))
        self.coming = factories.support_session(group)
        self.reminder = factories.reminder(self.live, self.member)
        self.message = factories.message(self.live, self.member)
        self.report = factories.report(self.message)
        self.hint = factories.hint(self.message)
        self.step = factories.intervention(self.live, made_by=person("facilitator"))
        self.hold = factories.kept_hold(self.organisation)
        self.feed = make_calendar_feed(by=self.member)
        self.day_off = DayOff.objects.create(
            organisation=self.organisation,
            day=timezone.localdate() + timedelta(days=30),
            name="A holiday",
        )
        plan = factories.survey_plan(group)
        self.survey_plan = plan
        self.invitation = factories.invitation(plan, self.membership, paper_code="3KMR4W")
        factories.response(self.invitation)
        self.typed_in = factories.invitation(
            plan,
            self.membership,
            wave=1,
            due_at=timezone.now() - timedelta(hours=2),
            paper_code="7AAAAA",
        )
        factories.response(self.typed_in, submitted_at=timezone.now())
        asked = factories.survey_plan(group, instrument=factories.instrument("gad-7"))
        self.check_in = factories.response(
            factories.invitation(asked, self.membership), submitted_at=timezone.now()
        )
        self.draft_summary = factories.disclosure(user=self.member)
        self.summary = factories.signed_disclosure(user=self.member)
        self.copy = token_of(factories.data_export(self.member))
        self.programme = factories.programme(organisation=self.organisation, groups=[group])
        self.funder_report = factories.funder_report(
            organisation=self.organisation,
            state="ready",
            inputs={},
            content={},
            pdf=b"%PDF",
            ready_at=timezone.now(),
        )
        self.questionnaire = factories.own_instrument(self.organisation)
        self.resource = factories.resource(organisation=self.organisation)
        self.emergency = factories.emergency_access(
            organisation=self.organisation, about=self.member
        )
        self.concern = factories.concern(
            organisation=self.organisation,
            about=self.member,
            assigned_to=person("coordinator"),
            respond_by=timezone.now() + timedelta(hours=1),
        )


@dataclass(frozen=True)
class Door:
    """One address: how it is tried, who gets in, and which of the world's objects it names."""

    who: set[str]
    method: str = "GET"
    at: Callable[[World], list[Any]] = lambda world: []


def _group(world: World) -> list[Any]:
    return [world.group.slug]


def _organisation(world: World) -> list[Any]:
    return [world.organisation.slug]


def _funder_report(world: World) -> list[Any]:
    return [world.organisation.slug, world.funder_report.pk]


def _programme(world: World) -> list[Any]:
    return [world.organisation.slug, world.programme.pk]


def _questionnaire(world: World) -> list[Any]:
    """The organisation's own wording, under its licence."""
    return [world.organisation.slug, world.questionnaire.code]


def _terms(world: World) -> list[Any]:
    """One whose terms have to be accepted."""
    return [world.organisation.slug, "ucla-3"]


def _role(world: World) -> list[Any]:
    """The facilitator's: they may give it up themselves."""
    return [world.organisation.staff_roles.get(role="facilitator").pk]


def _former(world: World) -> list[Any]:
    return [world.former.slug]


def _summary(world: World) -> list[Any]:
    """The member's, signed and made."""
    return [world.summary.pk]


def _copy(world: World) -> list[Any]:
    """The member's own, ready."""
    return [world.copy]


def _check_in(world: World) -> list[Any]:
    """What the member has sent."""
    return [world.check_in.pk]


def _live(world: World) -> list[Any]:
    return [world.live.pk]


def _held(world: World) -> list[Any]:
    return [world.held.pk]


def _message(world: World) -> list[Any]:
    """The member's own: they cannot report it."""
    return [world.live.pk, world.message.sequence]


def _in_room(world: World) -> list[Any]:
    return [world.live.pk, sender_token(world.live.pk, world.member.pk)]


def _application(world: World) -> list[Any]:
    return [world.application.pk]


def _asked(world: World) -> list[Any]:
    return [world.group.slug, world.asked.pk]


def _draft(world: World) -> list[Any]:
    return [world.draft.pk]


def _invitation(world: World) -> list[Any]:
    return [world.invitation.pk]


def _paper(world: World) -> list[Any]:
    return [world.group.slug, world.invitation.paper_code]


def _analysis(world: World) -> list[Any]:
    return [world.organisation.slug, world.analysis.pk]


def _survey_plan(world: World) -> list[Any]:
    return [world.group.slug, world.survey_plan.pk]


def _concern(world: World) -> list[Any]:
    return [world.concern.pk]


DOORS: dict[str, Door] = {
    "healthz": Door(EVERYBODY),
    "readyz": Door(EVERYBODY),
    "pages:safety": Door(EVERYBODY),
    "pages:privacy": Door(EVERYBODY),
    "pages:hide_visit": Door(EVERYBODY),
    "pages:accessibility": Door(EVERYBODY),
    "pages:security_txt": Door(EVERYBODY),
    "pages:display": Door(EVERYBODY, "POST"),
    "pages:gallery": Door(EVERYBODY),
    "accounts:profile": Door(SIGNED_IN),
    "accounts:reminders": Door(SIGNED_IN),
    "accounts:confirm_by_code": Door(SIGNED_IN),
    "accounts:file_ready": Door(SIGNED_IN),
    "closing:close_account": Door(SIGNED_IN),
    "closing:account_closed": Door(EVERYBODY),
    "my_data:my_data": Door(SIGNED_IN),
    "my_data:copy_ask": Door(SIGNED_IN, "POST"),
    "my_data:copy_delete": Door(SIGNED_IN, "POST"),
    "my_data:copy": Door({"member"}, at=_copy),
    "my_data:copy_all": Door({"member"}, at=_copy),
    "my_data:copy_to_read": Door({"member"}, at=_copy),
    "accounts:security": Door(SIGNED_IN),
    "accounts:passkey_list": Door(SIGNED_IN),
    "accounts:sign_ins": Door(SIGNED_IN),
    "accounts:sign_in_end": Door(
        {"member"}, "POST", lambda world: [world.member.browser_sessions.get().pk]
    ),
    "accounts:sign_ins_end_others": Door(SIGNED_IN, "POST"),
    "accounts:kept_form": Door(SIGNED_IN),
    "accounts:recovery_codes": Door(SIGNED_IN),
    "accounts:confirm_by_passkey": Door(SIGNED_IN),
    # Only while new codes are shown (tests/accounts/test_factors.py).
    "accounts:recovery_codes_file": Door(set()),
    "accounts:recovery_codes_make": Door(SIGNED_IN),
    "accounts:app_remove": Door(SIGNED_IN),
    # Of one's own alone (tests/accounts/test_factors.py).
    "accounts:passkey_remove": Door(set(), at=lambda world: [world.passkey.pk]),
    "accounts:factors_reset": Door({"coordinator"}, at=_role),
    "pages:quick_exit": Door(EVERYBODY, "POST"),
    "accounts:staff_list": Door(STAFF, at=_organisation),
    "accounts:staff_add": Door({"coordinator"}, at=_organisation),
    "accounts:staff_change": Door({"coordinator"}, at=_role),
    "accounts:staff_remove": Door(STAFF, at=_role),
    "groups:directory": Door(EVERYBODY),
    "groups:suggest": Door(EVERYBODY),
    "groups:time_zone": Door(EVERYBODY, "POST"),
    "groups:group_list": Door(STAFF | {"other_coordinator"}),
    "groups:setup_start": Door({"coordinator", "other_coordinator"}),
    "groups:setup_basics": Door({"coordinator"}, at=_group),
    "groups:setup_people": Door({"coordinator"}, at=_group),
    "groups:setup_meeting": Door({"coordinator"}, at=_group),
    "groups:setup_promises": Door({"coordinator"}, at=_group),
    "groups:setup_check": Door({"coordinator"}, at=_group),
    "groups:group_preview": Door({"coordinator"}, at=_group),
    "groups:group_lifecycle": Door({"coordinator"}, at=_group),
    "screening:group_clone": Door({"coordinator"}, at=_group),
    "groups:group_detail": Door(EVERYBODY, at=_group),
    "groups:agreement": Door({"member"}, at=_group),
    "groups:leave": Door({"applicant", "member"}, at=_group),
    "groups:agreement_copy": Door({"member"}, at=_group),
    "groups:left": Door({"outsider", "member"}, at=_former),
    "groups:come_back": Door({"outsider"}, "POST", _former),
    "groups:removal": Door({"member"}, at=_former),
    "groups:member_list": Door(STAFF, at=_group),
    "groups:member_remove": Door(STAFF, at=lambda world: [world.membership.pk]),
    "groups:appeal_list": Door({"coordinator", "other_coordinator"}),
    "groups:appeal_detail": Door({"coordinator"}, at=lambda world: [world.appeal.pk]),
    "groups:companion": Door({"member"}, at=_group),
    "groups:companion_withdraw": Door({"member"}, "POST", _group),
    "groups:companion_welcome": Door(EVERYBODY - {"member"}, at=lambda world: [world.token]),
    "groups:offer": Door({"outsider", "applicant", "member"}, at=_group),
    "groups:notice": Door({"member"}, at=lambda world: [world.notice.pk]),
    "screening:join": Door(EVERYBODY - {"facilitator"}, at=_group),
    "screening:question": Door({"outsider"}, at=lambda world: [world.draft.pk, 1]),
    "screening:answer_saved": Door({"outsider"}, at=lambda world: [world.draft.pk, 1]),
    "screening:display_name": Door({"outsider"}, at=_draft),
    "screening:check_answers": Door({"outsider"}, at=_draft),
    "screening:application_detail": Door({"applicant"}, at=_application),
    "screening:application_withdraw": Door({"applicant"}, "POST", _application),
    "screening:queue": Door(STAFF | {"other_coordinator"}),
    "screening:review": Door(STAFF, at=_application),
    "screening:note_add": Door(STAFF, "POST", _application),
    "screening:application_prepared": Door({"applicant"}, "POST", _application),
    "screening:another_look": Door({"outsider"}, at=lambda world: [world.referred.pk]),
    "screening:appointment": Door({"applicant"}, at=_application),
    "screening:appointment_calendar": Door(STAFF, at=lambda world: [world.talk.pk]),
    "screening:form_builder": Door({"coordinator"}, at=_group),
    "screening:form_publish": Door({"coordinator"}, "POST", _group),
    "screening:form_drop": Door({"coordinator"}, "POST", _group),
    "screening:form_preview": Door({"coordinator"}, at=_group),
    "screening:acknowledgement_add": Door({"coordinator"}, "POST", _group),
    "screening:question_edit": Door({"coordinator"}, at=_group),
    "screening:question_proposals": Door({"coordinator"}, at=_asked),
    "screening:question_move": Door({"coordinator"}, "POST", _asked),
    "screening:question_delete": Door({"coordinator"}, "POST", _asked),
    "oversight:trail": Door({"coordinator"}, at=_organisation),
    "oversight:trail_csv": Door({"coordinator"}, at=_organisation),
    "oversight:who_read": Door(SIGNED_IN),
    # A supervisor or somebody on call may open it: tests/oversight/test_emergency.py.
    "oversight:emergency": Door({"coordinator"}, at=_organisation),
    "oversight:emergency_open": Door(
        set(),
        "POST",
        lambda world: [world.organisation.slug, person_token(world.organisation, world.member)],
    ),
    "oversight:emergency_detail": Door({"coordinator"}, at=lambda world: [world.emergency.pk]),
    "oversight:emergency_close": Door({"coordinator"}, "POST", lambda world: [world.emergency.pk]),
    "safeguarding:concern_list": Door({"coordinator", "other_coordinator"}),
    "safeguarding:concern_detail": Door({"coordinator"}, at=_concern),
    "safeguarding:concern_acknowledge": Door({"coordinator"}, "POST", _concern),
    "safeguarding:concern_step": Door({"coordinator"}, "POST", _concern),
    "safeguarding:concern_hand_over": Door({"coordinator"}, "POST", _concern),
    "safeguarding:concern_keep": Door({"coordinator"}, at=_concern),
    "safeguarding:kept_list": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "safeguarding:kept_detail": Door({"coordinator"}, at=lambda world: [world.hold.pk]),
    "safeguarding:concern_close": Door({"coordinator"}, "POST", _concern),
    "safeguarding:on_call": Door({"coordinator"}, at=_organisation),
    "safeguarding:on_call_place": Door({"coordinator"}, "POST", _organisation),
    "safeguarding:on_call_away": Door({"coordinator"}, "POST", _organisation),
    "safeguarding:help_lines": Door({"coordinator"}, at=_organisation),
    "safeguarding:help_line_add": Door({"coordinator"}, at=_organisation),
    "safeguarding:help_line": Door({"coordinator"}, at=lambda world: [world.organisation.slug, 1]),
    "safeguarding:help_line_take_out": Door(
        {"coordinator"}, "POST", lambda world: [world.organisation.slug, 2]
    ),
    "safeguarding:library": Door({"coordinator"}, at=_organisation),
    "instruments:questionnaire_list": Door({"coordinator"}, at=_organisation),
    "instruments:questionnaire_import": Door({"coordinator"}, at=_organisation),
    "instruments:questionnaire_detail": Door({"coordinator"}, at=_questionnaire),
    "instruments:questionnaire_accept": Door({"coordinator"}, "POST", _terms),
    "instruments:questionnaire_withdraw": Door({"coordinator"}, "POST", _terms),
    "instruments:questionnaire_licence": Door({"coordinator"}, at=_questionnaire),
    "instruments:questionnaire_end": Door({"coordinator"}, "POST", _questionnaire),
    "instruments:questionnaire_words": Door({"coordinator"}, at=_questionnaire),
    "instruments:questionnaire_fhir": Door({"coordinator"}, at=_questionnaire),
    "safeguarding:resource_change": Door({"coordinator"}, at=lambda world: [world.resource.pk]),
    "safeguarding:resource_retire": Door(
        {"coordinator"}, "POST", lambda world: [world.resource.pk]
    ),
    "sessions:session_detail": Door({"member", "facilitator", "coordinator"}, at=_live),
    "sessions:agenda_template": Door({"coordinator"}, at=_group),
    "sessions:schedule": Door({"coordinator"}, at=_group),
    "sessions:facilitators": Door({"coordinator"}, at=_group),
    "sessions:session_list": Door(STAFF, at=_group),
    "sessions:session_change": Door(STAFF, at=_live),
    "sessions:days_off": Door(STAFF, at=lambda world: [world.organisation.slug]),
    "sessions:day_off_delete": Door({"coordinator"}, "POST", lambda world: [world.day_off.pk]),
    "accounts:mails_stop": Door(
        EVERYBODY, at=lambda world: [stop_token(world.reminder.user, "early")]
    ),
    "accounts:mail_links_end": Door(SIGNED_IN, "POST"),
    "sessions:calendar_feeds": Door(SIGNED_IN),
    "sessions:calendar_feed": Door(EVERYBODY, at=lambda world: [feed_token(world.feed)]),
    "sessions:answer": Door(EVERYBODY, at=lambda world: [answer_token(world.reminder), "coming"]),
    "sessions:session_answer": Door({"member"}, "POST", _live),
    "sessions:prepare": Door(STAFF, at=lambda world: [world.coming.pk]),
    "sessions:cover": Door(STAFF, at=_live),
    "sessions:calendar": Door(IN_THE_ROOM, at=_live),
    "sessions:room_enter": Door(IN_THE_ROOM, at=_live),
    "sessions:room": Door(IN_THE_ROOM, at=_live),
    "sessions:room_leave": Door(IN_THE_ROOM, "POST", _live),
    "sessions:message_post": Door(IN_THE_ROOM, "POST", _live),
    "sessions:messages": Door(IN_THE_ROOM, at=_live),
    # The member said it: facilitators may do much with it, but not change it.
    "sessions:message_edit": Door({"member"}, "POST", _message),
    "sessions:message_delete": Door({"member"}, "POST", _message),
    "sessions:message_react": Door(IN_THE_ROOM, "POST", _message),
    "sessions:question_post": Door(IN_THE_ROOM, "POST", _live),
    "sessions:line_post": Door({"facilitator"}, "POST", _live),
    "sessions:session_begin": Door({"facilitator"}, "POST", _live),
    "sessions:agenda_next": Door({"facilitator"}, "POST", _live),
    "sessions:door_set": Door({"facilitator"}, "POST", _live),
    "sessions:knock": Door(IN_THE_ROOM, at=_live),
    "sessions:knock_answer": Door(
        {"facilitator"}, "POST", lambda world: [world.live.pk, world.live.pk, "let-in"]
    ),
    "sessions:circle_person": Door(
        {"facilitator"}, "POST", lambda world: [world.live.pk, world.membership.pk, "here"]
    ),
    "sessions:heard": Door({"facilitator"}, at=_live),
    "sessions:checkin_code": Door({"facilitator"}, at=_live),
    "sessions:checkin": Door(
        IN_THE_ROOM, at=lambda world: [world.live.pk, checkin_code(world.live)]
    ),
    "sessions:agenda_jump": Door({"facilitator"}, "POST", _live),
    "sessions:floor_lead": Door({"facilitator"}, "POST", _live),
    "sessions:floor_own": Door(IN_THE_ROOM, "POST", _live),
    "sessions:agenda_extend": Door({"facilitator"}, "POST", _live),
    "sessions:session_end": Door({"facilitator"}, "POST", _live),
    "sessions:concern_raise": Door(IN_THE_ROOM, "POST", _live),
    "sessions:pulse": Door({"member"}, at=_held),
    "sessions:pulse_thanks": Door({"member"}, at=_held),
    "sessions:pulse_talk": Door({"member"}, "POST", _held),
    "sessions:who_came": Door(STAFF, at=_held),
    "sessions:debrief": Door({"facilitator"}, at=_held),
    "sessions:support": Door({"facilitator"}, at=_held),
    "sessions:debrief_list": Door({"facilitator"}, at=_group),
    "sessions:follow_up": Door({"facilitator"}, at=lambda world: [world.follow_up.pk]),
    "sessions:conversation": Door(IN_THE_ROOM, at=_held),
    "sessions:safety": Door({"facilitator"}, at=_live),
    "sessions:door_lock": Door({"facilitator"}, at=_live),
    "sessions:help_close": Door(IN_THE_ROOM, "POST", _live),
    "sessions:message_more": Door(IN_THE_ROOM, at=_message),
    "sessions:message_report": Door({"facilitator"}, at=_message),
    "sessions:message_hide": Door({"facilitator"}, at=_message),
    "sessions:message_redirect": Door({"facilitator"}, at=_message),
    "sessions:message_mute": Door({"facilitator"}, at=_message),
    "sessions:message_remove": Door({"facilitator"}, at=_message),
    "sessions:person_mute": Door({"facilitator"}, at=_in_room),
    "sessions:person_remove": Door({"facilitator"}, at=_in_room),
    "sessions:step_undo": Door({"facilitator"}, "POST", lambda world: [world.step.pk]),
    "sessions:report_dismiss": Door({"facilitator"}, "POST", lambda world: [world.report.pk]),
    "sessions:hint_dismiss": Door({"facilitator"}, "POST", lambda world: [world.hint.pk]),
    "sessions:hint_concern": Door({"facilitator"}, at=lambda world: [world.hint.pk]),
    "sessions:review_list": Door({"coordinator", "other_coordinator"}),
    "sessions:review_detail": Door({"coordinator"}, at=lambda world: [world.step.pk]),
    "sessions:report_detail": Door({"coordinator"}, at=lambda world: [world.report.pk]),
    "outcomes:participant_home": Door(SIGNED_IN),
    "outcomes:progress": Door(SIGNED_IN),
    "outcomes:answers_csv": Door(SIGNED_IN),
    "outcomes:answers_fhir": Door(SIGNED_IN),
    "outcomes:answers_delete": Door(SIGNED_IN),
    "outcomes:check_in_detail": Door({"member"}, at=_check_in),
    "outcomes:check_in_delete": Door({"member"}, at=_check_in),
    "outcomes:disclosure_list": Door(SIGNED_IN),
    "outcomes:disclosure_begin": Door(SIGNED_IN),
    "outcomes:disclosure_change": Door({"member"}, at=lambda world: [world.draft_summary.pk]),
    "outcomes:disclosure_sign": Door({"member"}, at=lambda world: [world.draft_summary.pk]),
    "outcomes:disclosure_detail": Door({"member"}, at=_summary),
    "outcomes:disclosure_revoke": Door({"member"}, at=_summary),
    "outcomes:disclosure_pdf": Door({"member"}, at=_summary),
    "outcomes:disclosure_fhir": Door({"member"}, at=_summary),
    "outcomes:who_sees_what": Door(SIGNED_IN),
    "outcomes:consent_change": Door(
        SIGNED_IN, "POST", at=lambda world: ["share_answers_between_groups"]
    ),
    "outcomes:survey_start": Door({"member"}, at=_invitation),
    "outcomes:survey_question": Door({"member"}, at=lambda world: [world.invitation.pk, "q1"]),
    "outcomes:survey_support": Door({"member"}, at=_invitation),
    "outcomes:survey_check": Door({"member"}, at=_invitation),
    "outcomes:survey_done": Door({"member"}, at=_invitation),
    "outcomes:paper_list": Door(STAFF, at=_group),
    "outcomes:paper_sheets": Door(STAFF, at=_paper),
    "outcomes:paper_sheet": Door(STAFF, at=_paper),
    "outcomes:paper_worry": Door(
        STAFF, at=lambda world: [world.group.slug, world.typed_in.paper_code]
    ),
    "outcomes:survey_plans": Door({"coordinator"}, at=_group),
    "outcomes:survey_plan_add": Door({"coordinator"}, at=_group),
    "outcomes:survey_plan_change": Door({"coordinator"}, at=_survey_plan),
    "outcomes:survey_plan_move": Door({"coordinator"}, "POST", at=_survey_plan),
    "outcomes:survey_plan_end": Door({"coordinator"}, at=_survey_plan),
    "outcomes:outcomes": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "outcomes:pathways": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "outcomes:pathway_detail": Door({"coordinator"}, at=_analysis),
    "outcomes:pathway_csv": Door({"coordinator"}, at=_analysis),
    "outcomes:overview": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "outcomes:retention": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    # It names a group and a week in its query; without them there is nothing (test_taking_part).
    "outcomes:week_list": Door(set(), at=lambda world: [world.organisation.slug]),
    "outcomes:engagement": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "outcomes:stay_list": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "outcomes:reports": Door({"coordinator"}, at=_organisation),
    "outcomes:report_start": Door({"coordinator"}, at=_organisation),
    "outcomes:report_detail": Door({"coordinator"}, at=_funder_report),
    "outcomes:report_pdf": Door({"coordinator"}, at=_funder_report),
    "outcomes:report_again": Door({"coordinator"}, "POST", at=_funder_report),
    "outcomes:report_words": Door({"coordinator"}, at=_funder_report),
    "outcomes:report_delete": Door({"coordinator"}, at=_funder_report),
    "outcomes:programme_add": Door({"coordinator"}, at=_organisation),
    "outcomes:programme_change": Door({"coordinator"}, at=_programme),
    "outcomes:programme_end": Door({"coordinator"}, "POST", at=_programme),
    "outcomes:figure_csv": Door(
        {"coordinator"}, at=lambda world: [world.organisation.slug, "retention"]
    ),
    "outreach:import_list": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "outreach:import_start": Door({"coordinator"}, at=lambda world: [world.organisation.slug]),
    "outreach:import_template": Door(SIGNED_IN),
    "outreach:import_detail": Door({"coordinator"}, at=lambda world: [world.run.pk]),
    "outreach:import_apply": Door({"coordinator"}, "POST", lambda world: [world.run.pk]),
    "outreach:import_drop": Door({"coordinator"}, "POST", lambda world: [world.run.pk]),
    "outreach:export_meeting_guide": Door(EVERYBODY),
    "outreach:export_csv": Door(EVERYBODY),
    "outreach:export_calendar": Door(EVERYBODY),
    "outreach:flyer": Door(EVERYBODY, at=_group),
}

#: One address for a page and the form on it: GET and POST. The others take their own method only.
BOTH_WAYS = {
    f"{app}:{name}"
    for app, names in {
        "accounts": (
            "app_remove confirm_by_code confirm_by_passkey factors_reset kept_form mails_stop "
            "passkey_remove profile recovery_codes recovery_codes_make reminders staff_add "
            "staff_change staff_remove"
        ),
        "closing": "close_account",
        "groups": (
            "agreement appeal_detail companion companion_welcome group_lifecycle leave "
            "member_remove offer removal setup_basics setup_check setup_meeting "
            "setup_people setup_promises setup_start time_zone"
        ),
        "screening": (
            "another_look application_withdraw appointment check_answers display_name "
            "form_builder form_drop group_clone join note_add question question_delete "
            "question_edit question_proposals review"
        ),
        "oversight": "emergency_open",
        "safeguarding": (
            "concern_keep help_line help_line_add help_lines library on_call resource_change"
        ),
        "instruments": "questionnaire_import questionnaire_licence questionnaire_words",
        "sessions": (
            "agenda_template answer calendar_feeds cover days_off debrief door_lock "
            "facilitators follow_up hint_concern knock message_edit message_hide "
            "message_mute message_redirect message_remove message_report person_mute "
            "person_remove prepare pulse pulse_talk report_detail review_detail room_enter "
            "schedule session_change session_list support who_came"
        ),
        "outcomes": (
            "answers_delete check_in_delete disclosure_begin disclosure_change "
            "disclosure_revoke disclosure_sign paper_list paper_sheet pathways "
            "programme_add programme_change report_delete report_start report_words "
            "survey_check survey_plan_add survey_plan_change survey_plan_end "
            "survey_question survey_start"
        ),
        "outreach": "import_start",
    }.items()
    for name in names.split()
}

#: allauth's own doors, whose rules are its own: where a visitor gets an answer, and where they are
#: sent to sign in first.
OPEN_OF_ALLAUTH = {
    "account_login",
    "account_logout",
    "account_inactive",
    "account_signup",
    "account_email_verification_sent",
    "account_reset_password",
    "account_confirm_login_code",
    "account_confirm_password_reset_code",
    "account_complete_password_reset",
    "account_password_reset_completed",
    "account_request_login_code",
    "mfa_authenticate",
    "mfa_login_webauthn",
}
CLOSED_OF_ALLAUTH = {
    "account_reauthenticate",
    "account_email",
    "account_change_password",
    "account_set_password",
    "mfa_index",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn",
    "mfa_edit_webauthn",
}

SOCKETS: dict[str, set[str]] = {"room": IN_THE_ROOM}


def test_every_door_is_classified() -> None:
    assert {name for name, _ in our_urls()} ^ DOORS.keys() == set()


def test_every_door_of_allauth_is_classified() -> None:
    doors = dict(urls_of_allauth())
    assert (OPEN_OF_ALLAUTH | CLOSED_OF_ALLAUTH) ^ doors.keys() == set()
    for name, pattern in doors.items():
        asks = getattr(pattern.callback, "login_required", True)
        assert asks == (name in CLOSED_OF_ALLAUTH), name


def test_every_socket_is_classified() -> None:
    assert {pattern.name for pattern in websocket_urlpatterns} == SOCKETS.keys()


def test_every_other_address_asks_for_sign_in(client: Client, db: None) -> None:
    """Nothing that is not classified as open is open: the middleware's default is tested too."""
    assert "accounts.middleware.SignInFirst" in settings.MIDDLEWARE
    for name, pattern in our_urls():
        asks = getattr(pattern.callback, "login_required", True)
        if name in LEADS_TO_SIGN_IN:
            assert not asks, name
        else:
            assert asks != ("visitor" in DOORS[name].who), name


@pytest.fixture
def world(cast: dict[str, Person], group: Any) -> World:
    return World(cast, group)


async def _is_let_in(user_client: Client, path: str) -> bool:
    """Whether the socket stays open. One that is accepted to say why not must close with a no."""
    cookie = user_client.cookies.get(settings.SESSION_COOKIE_NAME)
    headers = [(b"origin", settings.SOCKET_ORIGINS[0].encode())]
    if cookie is not None:
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
    }
    socket = ApplicationCommunicator(asgi_application, scope)
    await socket.send_input({"type": "websocket.connect"})
    let_in = False
    while (event := await socket.receive_output(timeout=30))["type"] != "websocket.close":
        let_in = event["type"] == "websocket.send"
        if let_in:
            break
    if let_in:
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(timeout=30)
    else:
        assert event.get("code", 1000) in (1000, 4401, 4403, 4404)
    return let_in


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", sorted(EVERYBODY))
async def test_room_socket(who: str, cast: dict[str, Person], world: World) -> None:
    path = f"/ws/sessions/{world.live.pk}/"
    assert await _is_let_in(cast[who].client, path) == (who in SOCKETS["room"])
