"""Words are encrypted where they are kept. Stop the site for it: what runs still writes plain ones."""

import django.db.models.functions.uuid
import supportgroups.lib.encrypted_fields
import supportgroups.lib.ids
from django.db import migrations, models

from supportgroups.lib.rewriting import EncryptField


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0008_unnamed_memberships'),
    ]

    operations = [
        migrations.AlterField(
            model_name='appeal',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='appeal',
            name='message',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='appeal',
            name='words',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='membership',
            name='end_reason',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=300),
        ),
        migrations.AlterField(
            model_name='membership',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        migrations.AlterField(
            model_name='signature',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='signature',
            name='signed_name',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=40),
        ),
    ]
