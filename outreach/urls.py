from django.urls import path

from outreach import views

app_name = "outreach"

urlpatterns = [
    path("organisations/<slug:slug>/imports/", views.import_list, name="import_list"),
    path("organisations/<slug:slug>/imports/new/", views.import_start, name="import_start"),
    path("imports/table.csv", views.import_template, name="import_template"),
    path("imports/<uuid:pk>/", views.import_detail, name="import_detail"),
    path("imports/<uuid:pk>/apply/", views.import_apply, name="import_apply"),
    path("imports/<uuid:pk>/drop/", views.import_drop, name="import_drop"),
    path("directory/meetings.json", views.export_meeting_guide, name="export_meeting_guide"),
    path("directory/groups.csv", views.export_csv, name="export_csv"),
    path("directory/groups.ics", views.export_calendar, name="export_calendar"),
    path("groups/<slug:slug>/flyer/", views.flyer, name="flyer"),
]
