"""What figures count of attendance is kept, and the database says which groups changed since."""

import django.db.models.deletion
from django.db import migrations, models

# Whoever changes what figures count, by whatever way, says so in the same transaction. A row for
# each change and no "once a group": a count that begins now must not take away the word of somebody
# who is not done yet.
MARKS = """
CREATE FUNCTION outcomes_recount_attendances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outcomes_recount (group_id)
    SELECT DISTINCT s.group_id FROM changed c
    JOIN support_sessions_supportsession s ON s.id = c.support_session_id
    WHERE s.status = 'ended';
    RETURN NULL;
END;
$$;
CREATE TRIGGER outcomes_attendance_added AFTER INSERT ON support_sessions_attendance
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION outcomes_recount_attendances();
CREATE TRIGGER outcomes_attendance_deleted AFTER DELETE ON support_sessions_attendance
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION outcomes_recount_attendances();

CREATE FUNCTION outcomes_recount_attendance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outcomes_recount (group_id)
    SELECT s.group_id FROM support_sessions_supportsession s
    WHERE s.id = NEW.support_session_id AND s.status = 'ended';
    RETURN NULL;
END;
$$;
CREATE TRIGGER outcomes_attendance_changed AFTER UPDATE OF status ON support_sessions_attendance
    FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION outcomes_recount_attendance();

CREATE FUNCTION outcomes_recount_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outcomes_recount (group_id) VALUES (NEW.group_id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER outcomes_session_added AFTER INSERT ON support_sessions_supportsession
    FOR EACH ROW WHEN (NEW.status = 'ended') EXECUTE FUNCTION outcomes_recount_group();
CREATE TRIGGER outcomes_session_changed
    AFTER UPDATE OF status, starts_at ON support_sessions_supportsession
    FOR EACH ROW WHEN (
        (OLD.status = 'ended' OR NEW.status = 'ended')
        AND (OLD.status, OLD.starts_at) IS DISTINCT FROM (NEW.status, NEW.starts_at))
    EXECUTE FUNCTION outcomes_recount_group();
CREATE TRIGGER outcomes_membership_added AFTER INSERT ON groups_membership
    FOR EACH ROW WHEN (NEW.accepted_at IS NOT NULL OR NEW.activated_at IS NOT NULL)
    EXECUTE FUNCTION outcomes_recount_group();
CREATE TRIGGER outcomes_membership_changed
    AFTER UPDATE OF status, accepted_at, activated_at, ended_at ON groups_membership
    FOR EACH ROW WHEN (
        (OLD.status, OLD.accepted_at, OLD.activated_at, OLD.ended_at)
        IS DISTINCT FROM (NEW.status, NEW.accepted_at, NEW.activated_at, NEW.ended_at))
    EXECUTE FUNCTION outcomes_recount_group();

CREATE FUNCTION outcomes_recount_session_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outcomes_recount (group_id) VALUES (OLD.group_id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER outcomes_session_deleted AFTER DELETE ON support_sessions_supportsession
    FOR EACH ROW WHEN (OLD.status = 'ended') EXECUTE FUNCTION outcomes_recount_session_gone();

CREATE FUNCTION outcomes_recount_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outcomes_recount (group_id) VALUES (NEW.id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER outcomes_group_changed AFTER UPDATE OF lifecycle ON groups_supportgroup
    FOR EACH ROW WHEN (OLD.lifecycle <> NEW.lifecycle)
    EXECUTE FUNCTION outcomes_recount_closed();

INSERT INTO outcomes_recount (group_id)
SELECT DISTINCT group_id FROM groups_membership
WHERE accepted_at IS NOT NULL OR activated_at IS NOT NULL;
"""

NO_MARKS = """
DROP TRIGGER outcomes_attendance_added ON support_sessions_attendance;
DROP TRIGGER outcomes_attendance_deleted ON support_sessions_attendance;
DROP TRIGGER outcomes_attendance_changed ON support_sessions_attendance;
DROP TRIGGER outcomes_session_added ON support_sessions_supportsession;
DROP TRIGGER outcomes_session_changed ON support_sessions_supportsession;
DROP TRIGGER outcomes_session_deleted ON support_sessions_supportsession;
DROP TRIGGER outcomes_membership_added ON groups_membership;
DROP TRIGGER outcomes_membership_changed ON groups_membership;
DROP TRIGGER outcomes_group_changed ON groups_supportgroup;
DROP FUNCTION outcomes_recount_attendances;
DROP FUNCTION outcomes_recount_attendance;
DROP FUNCTION outcomes_recount_group;
DROP FUNCTION outcomes_recount_session_gone;
DROP FUNCTION outcomes_recount_closed;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0007_anonymous_questions'),
        ('outcomes', '0004_disclosures'),
        ('support_sessions', '0009_debrief_saved_from'),
    ]

    operations = [
        migrations.CreateModel(
            name='Recount',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('group', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='groups.supportgroup')),
            ],
        ),
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('membership', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='presence', serialize=False, to='groups.membership')),
                ('accepted_month', models.DateField()),
                ('came_month', models.DateField(blank=True, null=True)),
                ('first_came_at', models.DateTimeField(blank=True, null=True)),
                ('last_came_at', models.DateTimeField(blank=True, null=True)),
                ('could_come', models.BooleanField()),
                ('came', models.PositiveIntegerField()),
                ('late', models.PositiveIntegerField()),
                ('left_early', models.PositiveIntegerField()),
                ('excused', models.PositiveIntegerField()),
                ('missed', models.PositiveIntegerField()),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='groups.supportgroup')),
            ],
            options={
                'indexes': [models.Index(fields=['group', 'came_month'], name='outcomes_presence_group')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('came', 0), ('came_month', None), ('first_came_at', None), ('last_came_at', None)), models.Q(('came__gte', 1), ('came_month__isnull', False), ('first_came_at__isnull', False), ('last_came_at__gte', models.F('first_came_at'))), _connector='OR'), name='outcomes_presence_came_dated')],
            },
        ),
        migrations.CreateModel(
            name='Stay',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('month', models.DateField()),
                ('duration', models.PositiveSmallIntegerField()),
                ('outcome', models.PositiveSmallIntegerField(choices=[(0, 'Still comes, as far as is known'), (1, 'Left, or stopped coming'), (2, 'Finished the course')])),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='groups.supportgroup')),
                ('membership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='stays', to='groups.membership')),
            ],
            options={
                'indexes': [models.Index(fields=['group', 'month'], name='outcomes_stay_group')],
                'constraints': [models.UniqueConstraint(fields=('membership', 'number'), name='outcomes_stay_once'), models.CheckConstraint(condition=models.Q(('outcome__in', [0, 1, 2])), name='outcomes_stay_outcome_known')],
            },
        ),
        migrations.RunSQL(MARKS, NO_MARKS),
    ]
