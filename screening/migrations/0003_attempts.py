from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("screening", "0002_form_builder_talks_and_notes"),
    ]

    operations = [
        migrations.AddField(
            model_name="appointment",
            name="staff_attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="decision",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
