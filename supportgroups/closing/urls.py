from django.urls import path

from supportgroups.closing import views

app_name = "closing"

urlpatterns = [
    path("account/close/", views.close_account, name="close_account"),
    path("account/closed/", views.account_closed, name="account_closed"),
]
