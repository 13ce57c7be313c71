from django.urls import path

from safeguarding import views

app_name = "safeguarding"

urlpatterns = [
    path("concerns/", views.concern_list, name="concern_list"),
    path("concerns/<uuid:pk>/", views.concern_detail, name="concern_detail"),
    path(
        "concerns/<uuid:pk>/acknowledge/",
        views.concern_acknowledge,
        name="concern_acknowledge",
    ),
    path("concerns/<uuid:pk>/close/", views.concern_close, name="concern_close"),
]
