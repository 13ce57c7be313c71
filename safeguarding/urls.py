from django.urls import path

from safeguarding import help_line_views, hold_views, library_views, on_call_views, views

app_name = "safeguarding"

urlpatterns = [
    path("concerns/", views.concern_list, name="concern_list"),
    path("concerns/<uuid:pk>/", views.concern_detail, name="concern_detail"),
    path(
        "concerns/<uuid:pk>/acknowledge/",
        views.concern_acknowledge,
        name="concern_acknowledge",
    ),
    path("concerns/<uuid:pk>/step/", views.concern_step, name="concern_step"),
    path("concerns/<uuid:pk>/hand-over/", views.concern_hand_over, name="concern_hand_over"),
    path("concerns/<uuid:pk>/close/", views.concern_close, name="concern_close"),
    path("concerns/<uuid:pk>/keep/", hold_views.concern_keep, name="concern_keep"),
    path("organisations/<slug:slug>/kept/", hold_views.kept_list, name="kept_list"),
    path("kept/<uuid:pk>/", hold_views.kept_detail, name="kept_detail"),
    path("organisations/<slug:slug>/on-call/", on_call_views.on_call, name="on_call"),
    path(
        "organisations/<slug:slug>/on-call/place/",
        on_call_views.on_call_place,
        name="on_call_place",
    ),
    path(
        "organisations/<slug:slug>/on-call/away/", on_call_views.on_call_away, name="on_call_away"
    ),
    path("organisations/<slug:slug>/help-lines/", help_line_views.help_lines, name="help_lines"),
    path(
        "organisations/<slug:slug>/help-lines/add/",
        help_line_views.help_line_add,
        name="help_line_add",
    ),
    path(
        "organisations/<slug:slug>/help-lines/<int:position>/",
        help_line_views.help_line,
        name="help_line",
    ),
    path(
        "organisations/<slug:slug>/help-lines/<int:position>/take-out/",
        help_line_views.help_line_take_out,
        name="help_line_take_out",
    ),
    path("organisations/<slug:slug>/library/", library_views.library, name="library"),
    path("library/<uuid:pk>/", library_views.resource_change, name="resource_change"),
    path("library/<uuid:pk>/retire/", library_views.resource_retire, name="resource_retire"),
]
