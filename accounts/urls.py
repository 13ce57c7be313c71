from django.urls import path

from accounts import confirm_views, sign_in_views, staff_views, views

app_name = "accounts"

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
    path("organisations/<slug:slug>/people/", staff_views.staff_list, name="staff_list"),
    path("organisations/<slug:slug>/people/add/", staff_views.staff_add, name="staff_add"),
    path("people/<uuid:pk>/", staff_views.staff_change, name="staff_change"),
    path("people/<uuid:pk>/remove/", staff_views.staff_remove, name="staff_remove"),
]
