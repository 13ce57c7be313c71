"""Pages before a session: who comes, what is planned, who leads."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from groups.models import SupportGroup
from sessions import before_actions, before_rules, rules
from sessions.before_forms import CoverNoteForm
from sessions.models import SupportSession
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


def _person(request: HttpRequest) -> User:
    """Whoever looks: signed in, as the middleware asks for on most pages here."""
    return cast(User, request.user)


# Cover --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def cover(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who leads a session instead of whom: ask, take over, give back, take the request back."""
    person = _person(request)
    support_session = get_object_or_404(before_rules.sessions_with_covers_for(person), pk=pk)
    before_rules.check_may_see_covers(person, support_session)
    do = request.POST.get("do", "")
    form = CoverNoteForm(request.POST if do == CoverNoteForm.do else None)
    if request.method == "POST":
        try:
            if form.is_valid():
                before_actions.ask_cover(
                    support_session=support_session, by=person, note=form.cleaned_data["note"]
                )
                messages.success(request, "You have asked. Everybody who could lead it is told.")
                return redirect("sessions:cover", pk)
            if do != CoverNoteForm.do:
                return _change_hands(request, support_session, do)
        except Refused as no:
            messages.warning(request, no.message)
            return redirect(_back(person, support_session))
    group = support_session.group
    context = {
        "support_session": support_session,
        "group": group,
        "at_a_place": group.format == SupportGroup.Format.IN_PERSON,
        "covers": before_rules.covers_of(support_session),
        "open_to_me": {
            each.pk for each in rules.covers_open_to(person).filter(support_session=support_session)
        },
        "may_ask": before_rules.why_not_ask_cover(person, support_session) is None,
        "leaders": [user.public_name for user in rules.leading(support_session)],
        "may_see": rules.sessions_visible_to(person).filter(pk=pk).exists(),
        "form": form,
    }
    return render_page(request, "sessions/before_cover.html", context)


#: What a button of the page does, and what is said afterwards.
_HANDS = {
    "take": (before_actions.take_cover, "You lead this session now. Thank you."),
    "give-back": (before_actions.give_cover_back, "Given back. Others are asked again."),
    "withdraw": (before_actions.withdraw_cover, "Taken back. You lead this session."),
}


def _change_hands(request: HttpRequest, support_session: SupportSession, do: str) -> HttpResponse:
    person = _person(request)
    asked = request.POST.get("cover", "")
    found = next((c for c in before_rules.covers_ever(support_session) if str(c.pk) == asked), None)
    if found is None or do not in _HANDS:
        raise Refused("unknown", "This page was older than what it shows. Look again.")
    action, words = _HANDS[do]
    action(cover=found, by=person)
    messages.success(request, words)
    return redirect(_back(person, support_session))


def _back(person: User, support_session: SupportSession) -> str:
    """The same page for whoever may still see it; who gave it back may not."""
    if before_rules.sessions_with_covers_for(person).filter(pk=support_session.pk).exists():
        return reverse("sessions:cover", args=[support_session.pk])
    return reverse("outcomes:participant_home")
