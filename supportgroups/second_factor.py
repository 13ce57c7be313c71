"""Staff's pages want a second factor: who has had the time to add one is led there first."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from supportgroups.lib.htmx import wants_part

type GetResponse = Callable[[HttpRequest], HttpResponse]

#: Where a person is for themselves, visitor or participant, whatever their role. Every other page
#: is staff's, so a new one is closed until it stands here. `tests/test_second_factor.py` compares
#: this with who gets in where.
ONES_OWN = frozenset(
    """
    healthz readyz
    pages:safety pages:privacy pages:hide_visit pages:accessibility pages:security_txt
    pages:display pages:gallery pages:quick_exit
    accounts:profile accounts:reminders accounts:confirm_by_code accounts:file_ready
    accounts:security accounts:sign_ins accounts:sign_in_end accounts:sign_ins_end_others
    accounts:kept_form accounts:mails_stop accounts:mail_links_end
    accounts:recovery_codes accounts:recovery_codes_file accounts:recovery_codes_make
    accounts:app_remove accounts:passkey_list accounts:passkey_remove accounts:confirm_by_passkey
    closing:close_account closing:account_closed
    my_data:my_data my_data:copy_ask my_data:copy_delete my_data:copy my_data:copy_all
    my_data:copy_to_read
    groups:directory groups:suggest groups:time_zone groups:group_detail groups:agreement
    groups:leave groups:agreement_copy groups:left groups:come_back groups:removal groups:companion
    groups:companion_withdraw groups:companion_welcome groups:offer groups:notice
    screening:join screening:question screening:answer_saved screening:display_name
    screening:check_answers screening:application_detail screening:application_withdraw
    screening:application_prepared screening:another_look screening:appointment
    oversight:who_read
    sessions:calendar_feeds sessions:calendar_feed sessions:answer sessions:session_answer
    sessions:pulse sessions:pulse_thanks sessions:pulse_talk
    outcomes:participant_home outcomes:progress outcomes:answers_csv outcomes:answers_fhir
    outcomes:answers_delete outcomes:check_in_detail outcomes:check_in_delete
    outcomes:disclosure_list outcomes:disclosure_begin outcomes:disclosure_change
    outcomes:disclosure_sign outcomes:disclosure_detail outcomes:disclosure_revoke
    outcomes:disclosure_pdf outcomes:disclosure_fhir outcomes:who_sees_what outcomes:consent_change
    outcomes:survey_start outcomes:survey_question outcomes:survey_support outcomes:survey_check
    outcomes:survey_done
    outreach:export_meeting_guide outreach:export_csv outreach:export_calendar outreach:flyer
    outreach:import_template
    """.split()
)
#: Pages of one session, for members and for those who lead it: `sessions.rules` asks whoever leads,
#: and lets nobody's session end in the middle.
OF_A_SESSION = frozenset(
    """
    sessions:session_detail sessions:calendar sessions:room_enter sessions:room sessions:room_leave
    sessions:message_post sessions:messages sessions:message_edit sessions:message_delete
    sessions:message_react sessions:question_post sessions:line_post sessions:session_begin
    sessions:agenda_next sessions:door_set sessions:knock sessions:knock_answer
    sessions:circle_person sessions:heard sessions:checkin_code sessions:checkin
    sessions:agenda_jump sessions:floor_lead sessions:floor_own sessions:agenda_extend
    sessions:session_end sessions:concern_raise sessions:conversation sessions:safety
    sessions:door_lock sessions:help_close sessions:message_more sessions:message_report
    sessions:message_hide sessions:message_redirect sessions:message_mute sessions:message_remove
    sessions:person_mute sessions:person_remove sessions:step_undo sessions:report_dismiss
    sessions:hint_dismiss sessions:hint_concern
    """.split()
)
#: The packages' own, and the demo's bar.
_PACKAGES = ("account_", "mfa_", "demo:")


def is_staff_page(name: str | None) -> bool:
    """Whether the page of this name is for people in their role for an organisation."""
    if not name or name.startswith(_PACKAGES):
        return False
    return name not in ONES_OWN and name not in OF_A_SESSION


class StaffPagesNeedOne:
    """Leads staff who are overdue to setting a second factor up. Their own pages stay open."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        match = request.resolver_match
        user = request.user
        if match is None or not user.is_authenticated or not user.second_factor_is_overdue:
            return None
        if not is_staff_page(match.view_name):
            return None
        if wants_part(request):
            return HttpResponseClientRedirect(reverse("mfa_index"))
        return redirect("mfa_index")


def reminder(request: HttpRequest) -> dict[str, object]:
    """`second_factor_due_at` on staff's pages and Home, while there is time to add one."""
    match = getattr(request, "resolver_match", None)
    user = getattr(request, "user", None)
    if match is None or user is None or not user.is_authenticated:
        return {}
    is_shown = is_staff_page(match.view_name) or match.view_name == "outcomes:participant_home"
    return {"second_factor_due_at": user.second_factor_due_at if is_shown else None}
