"""Words are encrypted where they are kept. Stop the site for it: what runs still writes plain ones."""

import django.db.models.functions.uuid
import supportgroups.lib.encrypted_fields
import supportgroups.lib.ids
from django.db import migrations, models

from supportgroups.lib.rewriting import EncryptField


class Migration(migrations.Migration):

    dependencies = [
        ('safeguarding', '0006_holds'),
    ]

    operations = [
        EncryptField(
            model_name='concern',
            name='closing_note',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='concern',
            name='detail',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(),
        ),
        migrations.AlterField(
            model_name='concern',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        migrations.AlterField(
            model_name='steptaken',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='steptaken',
            name='note',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        migrations.AlterField(
            model_name='hold',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='hold',
            name='reason',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=300),
        ),
        EncryptField(
            model_name='hold',
            name='name',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='hold',
            name='record',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
    ]
