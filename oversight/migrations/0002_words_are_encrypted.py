"""Words are encrypted where they are kept. Stop the site for it: what runs still writes plain ones."""

import django.db.models.functions.uuid
import supportgroups.lib.encrypted_fields
import supportgroups.lib.ids
from django.db import migrations, models

from supportgroups.lib.rewriting import EncryptField


class Migration(migrations.Migration):

    dependencies = [
        ('oversight', '0001_emergency_access'),
    ]

    operations = [
        migrations.AlterField(
            model_name='emergencyaccess',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='emergencyaccess',
            name='reason',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(),
        ),
    ]
