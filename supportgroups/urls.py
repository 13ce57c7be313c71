"""Every address of the product. `tests/test_access.py` fails for one that nobody classified."""

from django.conf import settings
from django.urls import include, path

from accounts.reauthentication import confirmed_urls
from accounts.urls import STEP
from supportgroups import errors, health

#: Addresses of packages for people who have just shown that it is them.
ASKS_FIRST = {
    "account_email",
    "account_change_password",
    "account_set_password",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
}

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("accounts.urls")),
    path("account/", include(confirmed_urls("allauth.account.urls", ASKS_FIRST))),
    path("", include("supportgroups.my_data.urls")),
    path(STEP, include(confirmed_urls("allauth.mfa.urls", ASKS_FIRST))),
    path("", include("supportgroups.pages_urls")),
    path("", include("supportgroups.closing.urls")),
    path("", include("groups.urls")),
    path("", include("screening.urls")),
    path("", include("sessions.urls")),
    path("", include("instruments.urls")),
    path("", include("safeguarding.urls")),
    path("", include("outcomes.urls")),
    path("", include("oversight.urls")),
    path("", include("outreach.urls")),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("supportgroups.demo.urls")))

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.page_not_found
handler500 = errors.server_error
