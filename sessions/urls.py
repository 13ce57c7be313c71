from django.urls import path, re_path

from sessions import (
    after_views,
    before_views,
    door_views,
    floor_views,
    review_views,
    safe_views,
    schedule_views,
    talk_views,
    views,
)

app_name = "sessions"

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

urlpatterns = [
    path(
        "groups/<slug:slug>/setup/agenda/", schedule_views.agenda_template, name="agenda_template"
    ),
    path("groups/<slug:slug>/setup/schedule/", schedule_views.schedule, name="schedule"),
    path(
        "groups/<slug:slug>/setup/facilitators/", schedule_views.facilitators, name="facilitators"
    ),
    path("groups/<slug:slug>/dates/", schedule_views.session_list, name="session_list"),
    path("sessions/<uuid:pk>/change/", schedule_views.session_change, name="session_change"),
    path("organisations/<slug:slug>/days-off/", schedule_views.days_off, name="days_off"),
    path("days-off/<uuid:pk>/delete/", schedule_views.day_off_delete, name="day_off_delete"),
    path("calendar/", schedule_views.calendar_feeds, name="calendar_feeds"),
    path("calendar/<str:token>.ics", schedule_views.calendar_feed, name="calendar_feed"),
    path("sessions/<uuid:pk>/", views.session_detail, name="session_detail"),
    path("answer/<str:token>/<slug:choice>/", before_views.answer, name="answer"),
    path("sessions/<uuid:pk>/answer/", before_views.session_answer, name="session_answer"),
    path("sessions/<uuid:pk>/prepare/", before_views.prepare, name="prepare"),
    path("sessions/<uuid:pk>/cover/", before_views.cover, name="cover"),
    path("sessions/<uuid:pk>/calendar.ics", views.calendar, name="calendar"),
    path("sessions/<uuid:pk>/enter/", views.room_enter, name="room_enter"),
    path("sessions/<uuid:pk>/room/", views.room, name="room"),
    path("sessions/<uuid:pk>/leave/", views.room_leave, name="room_leave"),
    path("sessions/<uuid:pk>/messages/", talk_views.messages, name="messages"),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/edit/",
        talk_views.message_edit,
        name="message_edit",
    ),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/delete/",
        talk_views.message_delete,
        name="message_delete",
    ),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/react/",
        talk_views.message_react,
        name="message_react",
    ),
    path("sessions/<uuid:pk>/ask/", views.question_post, name="question_post"),
    path("sessions/<uuid:pk>/line/", talk_views.line_post, name="line_post"),
    path("sessions/<uuid:pk>/say/", views.message_post, name="message_post"),
    path("sessions/<uuid:pk>/begin/", views.session_begin, name="session_begin"),
    path("sessions/<uuid:pk>/next/", views.agenda_next, name="agenda_next"),
    path("sessions/<uuid:pk>/jump/", floor_views.agenda_jump, name="agenda_jump"),
    path("sessions/<uuid:pk>/floor/", floor_views.floor_lead, name="floor_lead"),
    path("sessions/<uuid:pk>/turn/", floor_views.floor_own, name="floor_own"),
    path("sessions/<uuid:pk>/door/", door_views.door_set, name="door_set"),
    path("sessions/<uuid:pk>/knock/", door_views.knock, name="knock"),
    re_path(
        rf"^sessions/(?P<pk>{UUID})/knocks/(?P<knock>{UUID})/(?P<told>let-in|not-now)/$",
        door_views.knock_answer,
        name="knock_answer",
    ),
    re_path(
        rf"^sessions/(?P<pk>{UUID})/people/(?P<member>{UUID})/(?P<do>here|undo|welcome|turn)/$",
        door_views.circle_person,
        name="circle_person",
    ),
    path("sessions/<uuid:pk>/heard/", door_views.heard, name="heard"),
    path("sessions/<uuid:pk>/code/", door_views.checkin_code, name="checkin_code"),
    path("sessions/<uuid:pk>/here/<str:code>/", door_views.checkin, name="checkin"),
    path("sessions/<uuid:pk>/extend/", views.agenda_extend, name="agenda_extend"),
    path("sessions/<uuid:pk>/end/", views.session_end, name="session_end"),
    path("sessions/<uuid:pk>/concern/", views.concern_raise, name="concern_raise"),
    path("sessions/<uuid:pk>/pulse/", after_views.pulse, name="pulse"),
    path("sessions/<uuid:pk>/pulse/thanks/", after_views.pulse_thanks, name="pulse_thanks"),
    path("sessions/<uuid:pk>/pulse/talk/", after_views.pulse_talk, name="pulse_talk"),
    path("sessions/<uuid:pk>/who-came/", after_views.who_came, name="who_came"),
    path("sessions/<uuid:pk>/debrief/", after_views.debrief, name="debrief"),
    path("sessions/<uuid:pk>/support/", after_views.support, name="support"),
    path("sessions/<uuid:pk>/conversation/", after_views.conversation, name="conversation"),
    path("groups/<slug:slug>/debriefs/", after_views.debrief_list, name="debrief_list"),
    path("follow-ups/<uuid:pk>/", after_views.follow_up, name="follow_up"),
    path("sessions/<uuid:pk>/safety/", safe_views.safety, name="safety"),
    path("sessions/<uuid:pk>/lock/", safe_views.door_lock, name="door_lock"),
    path("sessions/<uuid:pk>/help/close/", safe_views.help_close, name="help_close"),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/", safe_views.message_more, name="message_more"
    ),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/report/",
        safe_views.message_report,
        name="message_report",
    ),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/hide/",
        safe_views.message_hide,
        name="message_hide",
    ),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/source/",
        safe_views.message_redirect,
        name="message_redirect",
    ),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/listen/",
        safe_views.message_mute,
        name="message_mute",
    ),
    path(
        "sessions/<uuid:pk>/messages/<int:sequence>/remove/",
        safe_views.message_remove,
        name="message_remove",
    ),
    path(
        "sessions/<uuid:pk>/people/<str:token>/listen/",
        safe_views.person_mute,
        name="person_mute",
    ),
    path(
        "sessions/<uuid:pk>/people/<str:token>/remove/",
        safe_views.person_remove,
        name="person_remove",
    ),
    path("steps/<uuid:pk>/undo/", safe_views.step_undo, name="step_undo"),
    path("reports/<uuid:pk>/dismiss/", safe_views.report_dismiss, name="report_dismiss"),
    path("hints/<uuid:pk>/dismiss/", safe_views.hint_dismiss, name="hint_dismiss"),
    path("hints/<uuid:pk>/concern/", safe_views.hint_concern, name="hint_concern"),
    path("reviews/", review_views.review_list, name="review_list"),
    path("reviews/<uuid:pk>/", review_views.review_detail, name="review_detail"),
    path("reports/<uuid:pk>/", review_views.report_detail, name="report_detail"),
]
