"""Addresses of the demo. `supportgroups/urls.py` includes them only with the demo's settings."""

from django.urls import path

from supportgroups.demo import views

app_name = "demo"
urlpatterns = [
    path("switch/", views.switch, name="switch"),
    path("outbox/", views.outbox, name="outbox"),
]
