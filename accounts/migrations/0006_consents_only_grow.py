"""What somebody agreed to stays as it was; only the moment of withdrawal comes, once."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION accounts_consent_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consents are only ever added' USING ERRCODE = 'insufficient_privilege';
END;
$$;
CREATE TRIGGER accounts_consent_no_change BEFORE UPDATE ON accounts_consent
    FOR EACH ROW WHEN (
        OLD.withdrawn_at IS NOT NULL
        OR to_jsonb(OLD) - 'withdrawn_at' IS DISTINCT FROM to_jsonb(NEW) - 'withdrawn_at'
    )
    EXECUTE FUNCTION accounts_consent_only_grows();
CREATE TRIGGER accounts_consent_no_delete BEFORE DELETE ON accounts_consent
    FOR EACH ROW WHEN (
        OLD.user_id::text IS DISTINCT FROM current_setting('supportgroups.erasing', true)
    )
    EXECUTE FUNCTION accounts_consent_only_grows();
"""

BACKWARD = """
DROP TRIGGER accounts_consent_no_delete ON accounts_consent;
DROP TRIGGER accounts_consent_no_change ON accounts_consent;
DROP FUNCTION accounts_consent_only_grows();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_consent")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
