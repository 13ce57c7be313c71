"""A second step for signing in, where allauth's pages do not do: codes, removing, a lost phone."""

from typing import Any, cast
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import factor_actions, rules
from accounts.models import User
from accounts.reauthentication import recently_confirmed
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _codes_of(user: User) -> Authenticator | None:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()


def _are_shown(codes: Authenticator) -> bool:
    """Until their person says that they are kept, and for an hour at most."""
    is_fresh = timezone.now() < codes.created_at + rules.RECOVERY_CODES_SHOWN
    return is_fresh and not codes.wrap().did_view


@never_cache
@recently_confirmed
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New codes, until the person has kept them; afterwards only how many are left."""
    codes = _codes_of(_person(request))
    if codes is None:
        return redirect("mfa_index")
    if request.method == "POST":
        factor_actions.keep_recovery_codes(codes=codes, by=_person(request))
        messages.success(request, "Good. Your recovery codes are kept by you alone now.")
        return redirect("mfa_index")
    shown = _are_shown(codes)
    unused = codes.wrap().get_unused_codes()
    context = {"shown": shown, "codes": unused if shown else [], "left": len(unused)}
    return render_page(request, "accounts/recovery_codes.html", context)


@never_cache
@recently_confirmed(gives_file=True)
@require_safe
def recovery_codes_file(request: HttpRequest) -> HttpResponse:
    """The same as a text file, while they are shown."""
    codes = _codes_of(_person(request))
    if codes is None or not _are_shown(codes):
        raise Http404
    text = render_to_string(
        "accounts/recovery_codes.txt", {"codes": codes.wrap().get_unused_codes()}, request
    )
    # A neutral name: whoever sees the folder learns nothing of the site.
    return HttpResponse(
        text,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="codes.txt"'},
    )


@recently_confirmed
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes_make(request: HttpRequest) -> HttpResponse:
    """New codes; the earlier ones end."""
    person = _person(request)
    if not rules.second_factors_of(person).exists():
        return redirect("mfa_index")
    if request.method == "POST":
        factor_actions.make_recovery_codes(by=person)
        get_adapter().send_notification_mail("mfa/email/recovery_codes_generated", person)
        return redirect("accounts:recovery_codes")
    return render_page(request, "accounts/recovery_codes_make.html")


def _remove(
    request: HttpRequest, factor: Authenticator, *, name: str, is_app: bool
) -> HttpResponse:
    refused = None
    if request.method == "POST":
        try:
            factor_actions.remove_factor(factor=factor, by=_person(request), request=request)
            mail = "totp_deactivated" if is_app else "webauthn_removed"
            get_adapter().send_notification_mail(f"mfa/email/{mail}", _person(request))
            messages.success(request, f"{name} is removed.")
            return redirect("mfa_index")
        except Refused as no:
            refused = no
    else:
        try:
            rules.check_may_remove_factor(_person(request), factor)
        except Refused as no:
            refused = no
    context = {
        "name": name,
        "is_app": is_app,
        "refused": refused,
        "is_last": rules.second_factors_of(_person(request)).count() == 1,
    }
    return render_page(request, "accounts/factor_remove.html", context)


@recently_confirmed
@require_http_methods(["GET", "HEAD", "POST"])
def app_remove(request: HttpRequest) -> HttpResponse:
    """Sign in without the authenticator app from now on."""
    own = rules.second_factors_of(_person(request)).filter(type=Authenticator.Type.TOTP)
    factor = own.first()
    if factor is None:
        return redirect("mfa_index")
    return _remove(request, factor, name="The authenticator app", is_app=True)


@recently_confirmed
@require_http_methods(["GET", "HEAD", "POST"])
def passkey_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign in without this passkey from now on."""
    own = rules.second_factors_of(_person(request)).filter(type=Authenticator.Type.WEBAUTHN)
    factor = get_object_or_404(own, pk=pk)
    return _remove(request, factor, name=f"“{factor.wrap().name}”", is_app=False)


@recently_confirmed
@require_http_methods(["GET", "HEAD", "POST"])
def factors_reset(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A colleague lost their phone and their codes: after a check who they are, they begin anew."""
    person = _person(request)
    staff_role = get_object_or_404(rules.roles_seen_by(person), pk=pk)
    rules.check_may_reset_factors(person, staff_role)
    error = ""
    if request.method == "POST":
        if request.POST.get("checked") == "yes":
            factor_actions.reset_factors(staff_role=staff_role, by=person)
            messages.success(
                request, f"Done. {staff_role.user.public_name} can sign in and set up a new step."
            )
            return redirect("accounts:staff_list", staff_role.organisation.slug)
        error = "Tick the box once you have checked who they are."
    context = {
        "staff_role": staff_role,
        "organisation": staff_role.organisation,
        "days": rules.GRACE_AFTER_RESET.days,
        "error": error,
    }
    return render_page(request, "accounts/factors_reset.html", context)


class _ConfirmByPasskey(ReauthenticateWebAuthnView):
    """allauth would lead somebody whose passkey did not answer away from the question."""

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | kwargs


@require_safe
def passkey_list(request: HttpRequest) -> HttpResponse:
    """Where allauth leads after a passkey was named: they stand beside the other second steps."""
    return redirect("mfa_index")


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_by_passkey(request: HttpRequest) -> HttpResponse:
    """Shows with a passkey that it is still the same person."""
    return cast(HttpResponse, _ConfirmByPasskey.as_view()(request))
