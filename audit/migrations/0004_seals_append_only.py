"""Seals and checks are only ever added, as events are, by the same trigger."""

from django.conf import settings
from django.db import migrations

TABLES = ("audit_seal", "audit_trailcheck")

FORWARD = "".join(
    f"""
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION audit_event_append_only();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only();
"""
    for table in TABLES
)
BACKWARD = "".join(
    f"DROP TRIGGER {table}_no_truncate ON {table}; DROP TRIGGER {table}_no_change ON {table};"
    for table in TABLES
)


def restrict_application_role(apps, schema_editor):
    """The worker seals, so it may add; nobody but the owner could do more."""
    role = settings.DATABASE_APP_ROLE
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone():
            name = schema_editor.quote_name(role)
            for table in TABLES:
                cursor.execute(f"REVOKE ALL ON {table} FROM {name}")
                cursor.execute(f"GRANT SELECT, INSERT ON {table} TO {name}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_seals")]

    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunPython(restrict_application_role, migrations.RunPython.noop),
    ]
