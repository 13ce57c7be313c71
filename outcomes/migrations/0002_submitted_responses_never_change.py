"""Once submitted, an answer sheet stays what it was. The database holds it."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION outcomes_response_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.submitted_at IS NOT NULL THEN
        RAISE EXCEPTION 'a submitted response never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER outcomes_response_no_change BEFORE UPDATE ON outcomes_response
    FOR EACH ROW EXECUTE FUNCTION outcomes_response_immutable();
"""

BACKWARD = """
DROP TRIGGER outcomes_response_no_change ON outcomes_response;
DROP FUNCTION outcomes_response_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
