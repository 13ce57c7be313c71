from django.urls import path

from accounts import confirm_views, staff_views, views

app_name = "accounts"

urlpatterns = [
    path("account/profile/", views.profile, name="profile"),
    path("account/reminders/", views.reminders, name="reminders"),
    path("account/confirm/", confirm_views.confirm_by_code, name="confirm_by_code"),
    path("account/confirmed/", confirm_views.file_ready, name="file_ready"),
    path("organisations/<slug:slug>/people/", staff_views.staff_list, name="staff_list"),
    path("organisations/<slug:slug>/people/add/", staff_views.staff_add, name="staff_add"),
    path("people/<uuid:pk>/", staff_views.staff_change, name="staff_change"),
    path("people/<uuid:pk>/remove/", staff_views.staff_remove, name="staff_remove"),
]
