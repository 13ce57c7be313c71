"""What is remembered of figures has a version; everything that figures count raises it."""

import django.db.models.deletion
from django.db import migrations, models


MARKS = """
DROP TRIGGER outcomes_membership_added ON groups_membership;
CREATE TRIGGER outcomes_membership_added AFTER INSERT ON groups_membership
    FOR EACH ROW EXECUTE FUNCTION outcomes_recount_group();
CREATE TRIGGER outcomes_membership_deleted AFTER DELETE ON groups_membership
    FOR EACH ROW EXECUTE FUNCTION outcomes_recount_session_gone();
"""

NO_MARKS = """
DROP TRIGGER outcomes_membership_deleted ON groups_membership;
DROP TRIGGER outcomes_membership_added ON groups_membership;
CREATE TRIGGER outcomes_membership_added AFTER INSERT ON groups_membership
    FOR EACH ROW WHEN (NEW.accepted_at IS NOT NULL OR NEW.activated_at IS NOT NULL)
    EXECUTE FUNCTION outcomes_recount_group();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_ask_after_leaving'),
        ('outcomes', '0008_disclosure_terms'),
    ]

    operations = [
        migrations.CreateModel(
            name='Counted',
            fields=[
                ('organisation', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='counted', serialize=False, to='accounts.organisation')),
                ('version', models.PositiveBigIntegerField(default=1)),
            ],
        ),
        migrations.RunSQL(MARKS, NO_MARKS),
    ]
