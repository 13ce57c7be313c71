from django.urls import path

from accounts import confirm_views, factor_views, sign_in_views, staff_views, views

app_name = "accounts"

STEP = "account/second-step/"

urlpatterns = [
    path("account/profile/", views.profile, name="profile"),
    path("account/reminders/", views.reminders, name="reminders"),
    path("account/reminders/links/", views.mail_links_end, name="mail_links_end"),
    path("mail/stop/<str:token>/", views.mails_stop, name="mails_stop"),
    path("account/confirm/", confirm_views.confirm_by_code, name="confirm_by_code"),
    path("account/confirmed/", confirm_views.file_ready, name="file_ready"),
    path("account/security/", sign_in_views.security, name="security"),
    path("account/sign-ins/", sign_in_views.sign_ins, name="sign_ins"),
    path("account/sign-ins/end/", sign_in_views.sign_ins_end_others, name="sign_ins_end_others"),
    path("account/sign-ins/<uuid:pk>/end/", sign_in_views.sign_in_end, name="sign_in_end"),
    path("account/kept/", sign_in_views.kept_form, name="kept_form"),
    # Where allauth's pages of the same addresses would stand: supportgroups/urls.py.
    path(f"{STEP}recovery-codes/", factor_views.recovery_codes, name="recovery_codes"),
    path(
        f"{STEP}recovery-codes/download/",
        factor_views.recovery_codes_file,
        name="recovery_codes_file",
    ),
    path(
        f"{STEP}recovery-codes/generate/",
        factor_views.recovery_codes_make,
        name="recovery_codes_make",
    ),
    path(f"{STEP}webauthn/", factor_views.passkey_list, name="passkey_list"),
    path(f"{STEP}totp/deactivate/", factor_views.app_remove, name="app_remove"),
    path(
        f"{STEP}webauthn/keys/<int:pk>/remove/", factor_views.passkey_remove, name="passkey_remove"
    ),
    path(
        f"{STEP}webauthn/reauthenticate/",
        factor_views.confirm_by_passkey,
        name="confirm_by_passkey",
    ),
    path("organisations/<slug:slug>/people/", staff_views.staff_list, name="staff_list"),
    path("organisations/<slug:slug>/people/add/", staff_views.staff_add, name="staff_add"),
    path("people/<uuid:pk>/", staff_views.staff_change, name="staff_change"),
    path("people/<uuid:pk>/remove/", staff_views.staff_remove, name="staff_remove"),
    path("people/<uuid:pk>/second-step/", factor_views.factors_reset, name="factors_reset"),
]
