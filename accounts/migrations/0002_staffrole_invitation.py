"""Roles that a coordinator gives: when the person was asked, and whether the mail went out."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="staffrole",
            name="asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="staffrole",
            name="told_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="staffrole",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name="staffrole",
            constraint=models.CheckConstraint(
                condition=models.Q(("told_at__isnull", True), ("asked_at__isnull", False), _connector="OR"),
                name="accounts_staffrole_told_after_asked",
            ),
        ),
    ]
