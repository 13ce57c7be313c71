from django.urls import path

from groups import membership_views, views

app_name = "groups"

urlpatterns = [
    path("", views.directory, name="directory"),
    path("time-zone/", views.time_zone, name="time_zone"),
    path("groups/<slug:slug>/", views.group_detail, name="group_detail"),
    path("groups/<slug:slug>/agreement/", views.agreement, name="agreement"),
    path("groups/<slug:slug>/leave/", views.leave, name="leave"),
    path("groups/<slug:slug>/offer/", membership_views.offer, name="offer"),
    path("news/<uuid:pk>/", membership_views.notice, name="notice"),
]
