from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Events are written while this runs.
    atomic = False

    dependencies = [("audit", "0004_seals_append_only")]

    operations = [
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(
                fields=["actor_id", "occurred_at"],
                condition=models.Q(("actor_id__isnull", False)),
                name="audit_event_actor",
            ),
        ),
    ]
