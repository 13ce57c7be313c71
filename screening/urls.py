from django.urls import path

from screening import builder_views, clone_views, staff_views, views

app_name = "screening"

_setup = "groups/<slug:slug>/setup/questions/"

urlpatterns = [
    path("groups/<slug:slug>/join/", views.join, name="join"),
    path(
        "applications/<uuid:pk>/questions/<int:position>/",
        views.question,
        name="question",
    ),
    path(
        "applications/<uuid:pk>/questions/<int:position>/saved/",
        views.answer_saved,
        name="answer_saved",
    ),
    path("applications/<uuid:pk>/name/", views.display_name, name="display_name"),
    path("applications/<uuid:pk>/check/", views.check_answers, name="check_answers"),
    path("applications/<uuid:pk>/", views.application_detail, name="application_detail"),
    path(
        "applications/<uuid:pk>/withdraw/",
        views.application_withdraw,
        name="application_withdraw",
    ),
    path(
        "applications/<uuid:pk>/prepared/",
        views.application_prepared,
        name="application_prepared",
    ),
    path("applications/<uuid:pk>/another-look/", views.another_look, name="another_look"),
    path("applications/<uuid:pk>/talk/", views.appointment, name="appointment"),
    path("talks/<uuid:pk>/calendar/", views.appointment_calendar, name="appointment_calendar"),
    path("screening/", staff_views.queue, name="queue"),
    path("screening/<uuid:pk>/", staff_views.review, name="review"),
    path("screening/<uuid:pk>/note/", staff_views.note_add, name="note_add"),
    path("groups/<slug:slug>/clone/", clone_views.group_clone, name="group_clone"),
    path(_setup, builder_views.form_builder, name="form_builder"),
    path(f"{_setup}publish/", builder_views.form_publish, name="form_publish"),
    path(f"{_setup}drop/", builder_views.form_drop, name="form_drop"),
    path(f"{_setup}preview/", builder_views.form_preview, name="form_preview"),
    path(f"{_setup}confirmation/", builder_views.acknowledgement_add, name="acknowledgement_add"),
    path(f"{_setup}new/", builder_views.question_edit, name="question_edit"),
    path(f"{_setup}<uuid:pk>/", builder_views.question_edit, name="question_edit"),
    path(
        f"{_setup}<uuid:pk>/answers/",
        builder_views.question_proposals,
        name="question_proposals",
    ),
    path(f"{_setup}<uuid:pk>/move/", builder_views.question_move, name="question_move"),
    path(f"{_setup}<uuid:pk>/delete/", builder_views.question_delete, name="question_delete"),
]
