from django.urls import path

from instruments import views

app_name = "instruments"

_ALL = "organisations/<slug:slug>/questionnaires/"
_ONE = f"{_ALL}<slug:code>/"

urlpatterns = [
    path(_ALL, views.questionnaire_list, name="questionnaire_list"),
    path(f"{_ALL}import/", views.questionnaire_import, name="questionnaire_import"),
    path(_ONE, views.questionnaire_detail, name="questionnaire_detail"),
    path(f"{_ONE}accept/", views.questionnaire_accept, name="questionnaire_accept"),
    path(f"{_ONE}withdraw/", views.questionnaire_withdraw, name="questionnaire_withdraw"),
    path(f"{_ONE}licence/", views.questionnaire_licence, name="questionnaire_licence"),
    path(f"{_ONE}licence/end/", views.questionnaire_end, name="questionnaire_end"),
    path(f"{_ONE}words/", views.questionnaire_words, name="questionnaire_words"),
    path(f"{_ONE}fhir/", views.questionnaire_fhir, name="questionnaire_fhir"),
]
