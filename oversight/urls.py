from django.urls import path

from oversight import views

app_name = "oversight"

urlpatterns = [
    path("organisations/<slug:slug>/trail/", views.trail, name="trail"),
    path("organisations/<slug:slug>/trail.csv", views.trail_csv, name="trail_csv"),
    path("account/who-read/", views.who_read, name="who_read"),
    path("organisations/<slug:slug>/emergency/", views.emergency, name="emergency"),
    path(
        "organisations/<slug:slug>/emergency/of/<str:token>/",
        views.emergency_open,
        name="emergency_open",
    ),
    path("emergency/<uuid:pk>/", views.emergency_detail, name="emergency_detail"),
    path("emergency/<uuid:pk>/close/", views.emergency_close, name="emergency_close"),
]
