"""Of a submitted response the answers may be emptied once nobody is to know whose it was."""

from django.db import migrations

FORWARD = """
DROP TRIGGER outcomes_response_no_change ON outcomes_response;
CREATE TRIGGER outcomes_response_no_change BEFORE UPDATE ON outcomes_response
    FOR EACH ROW WHEN (
        current_setting('supportgroups.unnaming', true) IS DISTINCT FROM 'on'
        OR to_jsonb(OLD) - 'answers' IS DISTINCT FROM to_jsonb(NEW) - 'answers'
    )
    EXECUTE FUNCTION outcomes_response_immutable();
"""

BACKWARD = """
DROP TRIGGER outcomes_response_no_change ON outcomes_response;
CREATE TRIGGER outcomes_response_no_change BEFORE UPDATE ON outcomes_response
    FOR EACH ROW EXECUTE FUNCTION outcomes_response_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0009_counted_versions")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
