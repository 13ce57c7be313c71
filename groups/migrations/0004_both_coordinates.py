"""A venue has both coordinates or none: a CHECK lets one through when the other is NULL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("groups", "0003_search_entries")]

    operations = [
        migrations.RemoveConstraint(
            model_name="supportgroup", name="groups_supportgroup_coordinates_possible"
        ),
        migrations.AddConstraint(
            model_name="supportgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("latitude__isnull", True), ("longitude__isnull", True))
                | models.Q(
                    ("latitude__gte", -90),
                    ("latitude__isnull", False),
                    ("latitude__lte", 90),
                    ("longitude__gte", -180),
                    ("longitude__isnull", False),
                    ("longitude__lte", 180),
                ),
                name="groups_supportgroup_coordinates_possible",
            ),
        ),
    ]
