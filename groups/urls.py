from django.urls import path

from groups import membership_views, setup_views, views

app_name = "groups"

urlpatterns = [
    path("", views.directory, name="directory"),
    path("suggest/", views.suggest, name="suggest"),
    path("time-zone/", views.time_zone, name="time_zone"),
    path("groups/", setup_views.group_list, name="group_list"),
    path("groups/new/", setup_views.setup_start, name="setup_start"),
    path("groups/<slug:slug>/setup/basics/", setup_views.setup_basics, name="setup_basics"),
    path("groups/<slug:slug>/setup/people/", setup_views.setup_people, name="setup_people"),
    path("groups/<slug:slug>/setup/meeting/", setup_views.setup_meeting, name="setup_meeting"),
    path("groups/<slug:slug>/setup/promises/", setup_views.setup_promises, name="setup_promises"),
    path("groups/<slug:slug>/setup/check/", setup_views.setup_check, name="setup_check"),
    path("groups/<slug:slug>/preview/", setup_views.group_preview, name="group_preview"),
    path("groups/<slug:slug>/lifecycle/", setup_views.group_lifecycle, name="group_lifecycle"),
    path("groups/<slug:slug>/", views.group_detail, name="group_detail"),
    path("groups/<slug:slug>/agreement/", membership_views.agreement, name="agreement"),
    path("groups/<slug:slug>/leave/", membership_views.leave, name="leave"),
    path("groups/<slug:slug>/offer/", membership_views.offer, name="offer"),
    path(
        "groups/<slug:slug>/agreement/copy/", membership_views.agreement_copy, name="agreement_copy"
    ),
    path("groups/<slug:slug>/left/", membership_views.left, name="left"),
    path("groups/<slug:slug>/come-back/", membership_views.come_back, name="come_back"),
    path("groups/<slug:slug>/members/", membership_views.member_list, name="member_list"),
    path("groups/<slug:slug>/removal/", membership_views.removal, name="removal"),
    path("groups/<slug:slug>/companion/", membership_views.companion, name="companion"),
    path(
        "groups/<slug:slug>/companion/withdraw/",
        membership_views.companion_withdraw,
        name="companion_withdraw",
    ),
    path("memberships/<uuid:pk>/remove/", membership_views.member_remove, name="member_remove"),
    path("appeals/", membership_views.appeal_list, name="appeal_list"),
    path("appeals/<uuid:pk>/", membership_views.appeal_detail, name="appeal_detail"),
    path("with/<str:token>/", membership_views.companion_welcome, name="companion_welcome"),
    path("news/<uuid:pk>/", membership_views.notice, name="notice"),
]
