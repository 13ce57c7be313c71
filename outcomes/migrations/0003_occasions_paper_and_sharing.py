"""When a plan asks, what became of an invitation, and how an answer came.

What was asked so far came with a session: the first time as a baseline, then in between.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

ASKED_SO_FAR = """
UPDATE outcomes_surveyinvitation
SET arose_at = due_at,
    occasion = CASE wave WHEN 0 THEN 'baseline' ELSE 'regular' END,
    next_mail_at = CASE WHEN sent_at IS NULL THEN due_at END;
"""

# The account of whoever typed a sheet in may be deleted; nothing else ever changes.
IMMUTABLE = """
CREATE OR REPLACE FUNCTION outcomes_response_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.submitted_at IS NOT NULL AND (
        to_jsonb(NEW) - 'entered_by_id' IS DISTINCT FROM to_jsonb(OLD) - 'entered_by_id'
        OR NEW.entered_by_id IS NOT NULL AND NEW.entered_by_id IS DISTINCT FROM OLD.entered_by_id
    ) THEN
        RAISE EXCEPTION 'a submitted response never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$$;
"""

IMMUTABLE_BEFORE = """
CREATE OR REPLACE FUNCTION outcomes_response_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.submitted_at IS NOT NULL THEN
        RAISE EXCEPTION 'a submitted response never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0007_anonymous_questions'),
        ('instruments', '0001_initial'),
        ('outcomes', '0002_submitted_responses_never_change'),
        ('support_sessions', '0009_debrief_saved_from'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='response',
            name='outcomes_response_scored_when_submitted',
        ),
        migrations.RemoveConstraint(
            model_name='surveyinvitation',
            name='outcomes_surveyinvitation_closes_after_due',
        ),
        migrations.RemoveConstraint(
            model_name='surveyplan',
            name='outcomes_surveyplan_every_sessions',
        ),
        migrations.RemoveIndex(
            model_name='surveyinvitation',
            name='outcomes_surveyinvitation_due',
        ),
        migrations.AddField(
            model_name='response',
            name='answered_on',
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='response',
            name='entered_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='response',
            name='scales',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='response',
            name='shared_from',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='shared_to', to='outcomes.response'),
        ),
        migrations.AddField(
            model_name='response',
            name='way',
            field=models.CharField(choices=[('online', 'Online'), ('paper', 'On paper, typed in by staff')], db_default='online', default='online', max_length=6),
        ),
        migrations.AddField(
            model_name='surveyinvitation',
            name='arose_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='surveyinvitation',
            name='next_mail_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='surveyinvitation',
            name='occasion',
            field=models.CharField(choices=[('baseline', 'The first time'), ('regular', 'In between'), ('end', 'At the end'), ('follow_up_4', '4 weeks after the end'), ('follow_up_12', '12 weeks after the end')], default='regular', max_length=12),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='surveyinvitation',
            name='paper_code',
            field=models.CharField(blank=True, max_length=8, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='surveyinvitation',
            name='reminders_sent',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='surveyinvitation',
            name='stopped_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='surveyplan',
            name='after_end_weeks',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), blank=True, default=list),
        ),
        migrations.AddField(
            model_name='surveyplan',
            name='at_end',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='surveyplan',
            name='baseline',
            field=models.CharField(blank=True, choices=[('', 'Never'), ('on_joining', 'When somebody joins'), ('first_session', 'After their first session')], default='first_session', max_length=14),
        ),
        migrations.AddField(
            model_name='surveyplan',
            name='changed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='surveyplan',
            name='every_weeks',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='surveyplan',
            name='reminders',
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AlterField(
            model_name='surveyplan',
            name='every_sessions',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.RunSQL(ASKED_SO_FAR, migrations.RunSQL.noop),
        migrations.RunSQL(IMMUTABLE, IMMUTABLE_BEFORE),
        migrations.AddIndex(
            model_name='surveyinvitation',
            index=models.Index(condition=models.Q(('next_mail_at__isnull', False)), fields=['next_mail_at'], name='outcomes_surveyinvitation_mail'),
        ),
        migrations.AddConstraint(
            model_name='response',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('scales', {}), ('score__isnull', True)), ('submitted_at__isnull', False), _connector='OR'), name='outcomes_response_scored_when_submitted'),
        ),
        migrations.AddConstraint(
            model_name='response',
            constraint=models.CheckConstraint(condition=models.Q(('way__in', ['online', 'paper'])), name='outcomes_response_way_known'),
        ),
        migrations.AddConstraint(
            model_name='response',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answered_on__isnull', False), ('way', 'paper')), models.Q(models.Q(('way', 'paper'), _negated=True), ('answered_on__isnull', True), ('entered_by__isnull', True)), _connector='OR'), name='outcomes_response_paper_dated'),
        ),
        migrations.AddConstraint(
            model_name='response',
            constraint=models.CheckConstraint(condition=models.Q(('shared_from__isnull', True), ('submitted_at__isnull', False), _connector='OR'), name='outcomes_response_shared_when_submitted'),
        ),
        migrations.AddConstraint(
            model_name='surveyinvitation',
            constraint=models.UniqueConstraint(fields=('plan', 'membership', 'arose_at'), name='outcomes_surveyinvitation_once_a_moment'),
        ),
        migrations.AddConstraint(
            model_name='surveyinvitation',
            constraint=models.UniqueConstraint(condition=models.Q(('occasion', 'regular'), _negated=True), fields=('plan', 'membership', 'occasion'), name='outcomes_surveyinvitation_once_an_occasion'),
        ),
        migrations.AddConstraint(
            model_name='surveyinvitation',
            constraint=models.CheckConstraint(condition=models.Q(('occasion__in', ['baseline', 'regular', 'end', 'follow_up_4', 'follow_up_12'])), name='outcomes_surveyinvitation_occasion_known'),
        ),
        migrations.AddConstraint(
            model_name='surveyinvitation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('occasion', 'baseline'), ('wave', 0)), models.Q(models.Q(('occasion', 'baseline'), _negated=True), ('wave__gte', 1)), _connector='OR'), name='outcomes_surveyinvitation_baseline_is_wave_0'),
        ),
        migrations.AddConstraint(
            model_name='surveyinvitation',
            constraint=models.CheckConstraint(condition=models.Q(('closes_at__gt', models.F('due_at')), ('due_at__gte', models.F('arose_at'))), name='outcomes_surveyinvitation_closes_after_due'),
        ),
        migrations.AddConstraint(
            model_name='surveyinvitation',
            constraint=models.CheckConstraint(condition=models.Q(('reminders_sent', 0), models.Q(('reminders_sent__lte', 2), ('sent_at__isnull', False)), _connector='OR'), name='outcomes_surveyinvitation_reminders_possible'),
        ),
        migrations.AddConstraint(
            model_name='surveyplan',
            constraint=models.CheckConstraint(condition=models.Q(('baseline__in', ['', 'on_joining', 'first_session'])), name='outcomes_surveyplan_baseline_known'),
        ),
        migrations.AddConstraint(
            model_name='surveyplan',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('every_sessions__isnull', True), ('every_weeks__isnull', True)), models.Q(('every_sessions__gte', 1), ('every_weeks__isnull', True)), models.Q(('every_sessions__isnull', True), ('every_weeks__gte', 1)), _connector='OR'), name='outcomes_surveyplan_one_rhythm'),
        ),
        migrations.AddConstraint(
            model_name='surveyplan',
            constraint=models.CheckConstraint(condition=models.Q(('after_end_weeks__contained_by', [4, 12])), name='outcomes_surveyplan_follow_ups_known'),
        ),
        migrations.AddConstraint(
            model_name='surveyplan',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('baseline', ''), _negated=True), ('every_sessions__isnull', False), ('every_weeks__isnull', False), ('at_end', True), models.Q(('after_end_weeks', []), _negated=True), _connector='OR'), name='outcomes_surveyplan_asks_something'),
        ),
        migrations.AddConstraint(
            model_name='surveyplan',
            constraint=models.CheckConstraint(condition=models.Q(('reminders__lte', 2), ('window_days__gt', models.F('reminders')), ('window_days__lte', 60)), name='outcomes_surveyplan_reminders_fit'),
        ),
    ]
