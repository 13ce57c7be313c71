from django.urls import path

from outcomes import (
    analysis_views,
    consent_views,
    disclosure_views,
    engagement_views,
    figure_views,
    outcome_views,
    own_views,
    paper_views,
    plan_views,
    report_views,
    retention_views,
    views,
)

app_name = "outcomes"

urlpatterns = [
    path("home/", views.participant_home, name="participant_home"),
    path("progress/", own_views.progress, name="progress"),
    path("progress/copy.csv", own_views.answers_csv, name="answers_csv"),
    path("progress/copy.json", own_views.answers_fhir, name="answers_fhir"),
    path("progress/delete/", own_views.answers_delete, name="answers_delete"),
    path("progress/<uuid:pk>/", own_views.check_in_detail, name="check_in_detail"),
    path("progress/<uuid:pk>/delete/", own_views.check_in_delete, name="check_in_delete"),
    path("summaries/", disclosure_views.disclosure_list, name="disclosure_list"),
    path("summaries/new/", disclosure_views.disclosure_begin, name="disclosure_begin"),
    path("summaries/<uuid:pk>/", disclosure_views.disclosure_detail, name="disclosure_detail"),
    path(
        "summaries/<uuid:pk>/change/", disclosure_views.disclosure_change, name="disclosure_change"
    ),
    path("summaries/<uuid:pk>/sign/", disclosure_views.disclosure_sign, name="disclosure_sign"),
    path(
        "summaries/<uuid:pk>/revoke/", disclosure_views.disclosure_revoke, name="disclosure_revoke"
    ),
    path("summaries/<uuid:pk>/summary.pdf", disclosure_views.disclosure_pdf, name="disclosure_pdf"),
    path(
        "summaries/<uuid:pk>/summary.json", disclosure_views.disclosure_fhir, name="disclosure_fhir"
    ),
    path("surveys/<uuid:invitation_id>/", views.survey_start, name="survey_start"),
    path(
        "surveys/<uuid:invitation_id>/questions/<slug:item_id>/",
        views.survey_question,
        name="survey_question",
    ),
    path("surveys/<uuid:invitation_id>/support/", views.survey_support, name="survey_support"),
    path("surveys/<uuid:invitation_id>/check/", views.survey_check, name="survey_check"),
    path("surveys/<uuid:invitation_id>/done/", views.survey_done, name="survey_done"),
    path("groups/<slug:slug>/check-ins/", plan_views.survey_plans, name="survey_plans"),
    path("groups/<slug:slug>/check-ins/add/", plan_views.survey_plan_add, name="survey_plan_add"),
    path(
        "groups/<slug:slug>/check-ins/<uuid:plan_id>/",
        plan_views.survey_plan_change,
        name="survey_plan_change",
    ),
    path(
        "groups/<slug:slug>/check-ins/<uuid:plan_id>/move/",
        plan_views.survey_plan_move,
        name="survey_plan_move",
    ),
    path(
        "groups/<slug:slug>/check-ins/<uuid:plan_id>/end/",
        plan_views.survey_plan_end,
        name="survey_plan_end",
    ),
    path("groups/<slug:slug>/check-ins/paper/", paper_views.paper_list, name="paper_list"),
    path(
        "groups/<slug:slug>/check-ins/paper/print/<slug:codes>/",
        paper_views.paper_sheets,
        name="paper_sheets",
    ),
    path(
        "groups/<slug:slug>/check-ins/paper/<slug:code>/",
        paper_views.paper_sheet,
        name="paper_sheet",
    ),
    path(
        "groups/<slug:slug>/check-ins/paper/<slug:code>/today/",
        paper_views.paper_worry,
        name="paper_worry",
    ),
    path("account/who-sees-what/", consent_views.who_sees_what, name="who_sees_what"),
    path("account/consents/<slug:purpose>/", consent_views.consent_change, name="consent_change"),
    path("overview/", views.overview, name="overview"),
    path("overview/<slug:organisation>/", views.overview, name="overview"),
    path("overview/<slug:organisation>/outcomes/", outcome_views.outcomes, name="outcomes"),
    path(
        "overview/<slug:organisation>/outcomes/pathways/", analysis_views.pathways, name="pathways"
    ),
    path(
        "overview/<slug:organisation>/outcomes/pathways/<uuid:pk>/",
        analysis_views.pathway_detail,
        name="pathway_detail",
    ),
    path(
        "overview/<slug:organisation>/outcomes/pathways/<uuid:pk>.csv",
        analysis_views.pathway_csv,
        name="pathway_csv",
    ),
    path("overview/<slug:organisation>/retention/", retention_views.retention, name="retention"),
    path(
        "overview/<slug:organisation>/retention/people/",
        retention_views.stay_list,
        name="stay_list",
    ),
    path("overview/<slug:organisation>/reports/", report_views.reports, name="reports"),
    path(
        "overview/<slug:organisation>/reports/new/", report_views.report_start, name="report_start"
    ),
    path(
        "overview/<slug:organisation>/reports/<uuid:pk>/",
        report_views.report_detail,
        name="report_detail",
    ),
    path(
        "overview/<slug:organisation>/reports/<uuid:pk>/report.pdf",
        report_views.report_pdf,
        name="report_pdf",
    ),
    path(
        "overview/<slug:organisation>/reports/<uuid:pk>/again/",
        report_views.report_again,
        name="report_again",
    ),
    path(
        "overview/<slug:organisation>/reports/<uuid:pk>/words/",
        report_views.report_words,
        name="report_words",
    ),
    path(
        "overview/<slug:organisation>/reports/<uuid:pk>/delete/",
        report_views.report_delete,
        name="report_delete",
    ),
    path(
        "overview/<slug:organisation>/programmes/new/",
        report_views.programme_add,
        name="programme_add",
    ),
    path(
        "overview/<slug:organisation>/programmes/<uuid:pk>/",
        report_views.programme_change,
        name="programme_change",
    ),
    path(
        "overview/<slug:organisation>/programmes/<uuid:pk>/end/",
        report_views.programme_end,
        name="programme_end",
    ),
    path(
        "overview/<slug:organisation>/engagement/", engagement_views.engagement, name="engagement"
    ),
    path(
        "overview/<slug:organisation>/engagement/sessions/",
        engagement_views.week_list,
        name="week_list",
    ),
    path("overview/<slug:organisation>/<slug:key>.csv", figure_views.figure_csv, name="figure_csv"),
]
