from django.urls import path

from outcomes import consent_views, figure_views, views

app_name = "outcomes"

urlpatterns = [
    path("home/", views.participant_home, name="participant_home"),
    path("progress/", views.progress, name="progress"),
    path("surveys/<uuid:invitation_id>/", views.survey_start, name="survey_start"),
    path(
        "surveys/<uuid:invitation_id>/questions/<slug:item_id>/",
        views.survey_question,
        name="survey_question",
    ),
    path("surveys/<uuid:invitation_id>/support/", views.survey_support, name="survey_support"),
    path("surveys/<uuid:invitation_id>/check/", views.survey_check, name="survey_check"),
    path("surveys/<uuid:invitation_id>/done/", views.survey_done, name="survey_done"),
    path("account/who-sees-what/", consent_views.who_sees_what, name="who_sees_what"),
    path("account/consents/<slug:purpose>/", consent_views.consent_change, name="consent_change"),
    path("overview/", views.overview, name="overview"),
    path("overview/<slug:organisation>/", views.overview, name="overview"),
    path("overview/<slug:organisation>/<slug:key>.csv", figure_views.figure_csv, name="figure_csv"),
]
