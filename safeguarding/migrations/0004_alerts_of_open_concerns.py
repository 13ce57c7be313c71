from datetime import timedelta

from django.db import migrations


def make_alerts(apps, schema_editor):
    """What waits for somebody goes on waiting: the clock sends what was not sent, and asks next."""
    Alert = apps.get_model("safeguarding", "Alert")
    Concern = apps.get_model("safeguarding", "Concern")
    for concern in Concern.objects.filter(closed_at=None).exclude(assigned_to=None):
        Alert.objects.create(
            concern=concern,
            person_id=concern.assigned_to_id,
            turn=1,
            made_at=concern.opened_at,
            sent_at=concern.told_at,
            next_try_at=concern.opened_at,
        )
        concern.turn = 1
        if concern.acknowledged_at is None:
            concern.escalates_at = concern.opened_at + timedelta(hours=2)
        concern.save()


class Migration(migrations.Migration):

    dependencies = [
        ('safeguarding', '0003_on_call'),
    ]

    operations = [
        migrations.RunPython(make_alerts, migrations.RunPython.noop),
    ]
