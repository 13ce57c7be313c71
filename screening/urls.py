from django.urls import path

from screening import views

app_name = "screening"

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
    path("screening/", views.queue, name="queue"),
    path("screening/<uuid:pk>/", views.review, name="review"),
    path("screening/<uuid:pk>/place/", views.place_offer, name="place_offer"),
]
