from django.urls import path

from supportgroups.my_data import views

app_name = "my_data"

urlpatterns = [
    path("account/my-data/", views.my_data, name="my_data"),
    path("account/my-data/copy/ask/", views.copy_ask, name="copy_ask"),
    path("account/my-data/copy/delete/", views.copy_delete, name="copy_delete"),
    path("account/my-data/copy/<str:token>/", views.copy, name="copy"),
    path("account/my-data/copy/<str:token>/all.zip", views.copy_all, name="copy_all"),
    path("account/my-data/copy/<str:token>/read.html", views.copy_to_read, name="copy_to_read"),
]
