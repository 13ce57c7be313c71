"""The oldest events may go in their time: by the owner of the tables, who leaves an anchor."""

import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE OR REPLACE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_owner boolean := current_user = (
        SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID);
BEGIN
    IF TG_OP = 'TRUNCATE' AND is_owner THEN
        RETURN NULL;  -- the owner, who could drop this trigger, empties test databases; nobody else may
    END IF;
    IF TG_OP = 'DELETE' AND is_owner
       AND current_setting('supportgroups.cutting', true) IS NOT DISTINCT FROM 'on' THEN
        RETURN OLD;  -- audit/cutting.py
    END IF;
    RAISE EXCEPTION 'audit events are only ever added' USING ERRCODE = 'insufficient_privilege';
END;
$$;
CREATE TRIGGER audit_anchor_no_change BEFORE UPDATE OR DELETE ON audit_anchor
    FOR EACH ROW EXECUTE FUNCTION audit_event_append_only();
CREATE TRIGGER audit_anchor_no_truncate BEFORE TRUNCATE ON audit_anchor
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only();
"""

BACKWARD = """
DROP TRIGGER audit_anchor_no_truncate ON audit_anchor;
DROP TRIGGER audit_anchor_no_change ON audit_anchor;
CREATE OR REPLACE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE'
       AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'audit events are only ever added' USING ERRCODE = 'insufficient_privilege';
END;
$$;
"""


def restrict_application_role(apps, schema_editor):
    """The application follows the chain from here, and never moves its beginning."""
    role = settings.DATABASE_APP_ROLE
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone():
            name = schema_editor.quote_name(role)
            cursor.execute(f"REVOKE ALL ON audit_anchor FROM {name}")
            cursor.execute(f"GRANT SELECT ON audit_anchor TO {name}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_event_actor")]

    operations = [
        migrations.CreateModel(
            name="Anchor",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("hash", models.BinaryField(max_length=32)),
                (
                    "cut_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="audit_anchor_numbers_from_one"
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunPython(restrict_application_role, migrations.RunPython.noop),
    ]
