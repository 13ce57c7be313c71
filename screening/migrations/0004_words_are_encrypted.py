"""Words are encrypted where they are kept. Stop the site for it: what runs still writes plain ones."""

import django.db.models.functions.uuid
import supportgroups.lib.encrypted_fields
import supportgroups.lib.ids
from django.db import migrations, models

from supportgroups.lib.rewriting import EncryptField


class Migration(migrations.Migration):

    dependencies = [
        ('screening', '0003_attempts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='answer',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='answer',
            name='value',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, null=True),
        ),
        EncryptField(
            model_name='application',
            name='another_look_words',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        migrations.AlterField(
            model_name='application',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='appointment',
            name='declined_words',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=300),
        ),
        EncryptField(
            model_name='appointment',
            name='how',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=200),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        migrations.AlterField(
            model_name='decision',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='decision',
            name='message',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='decision',
            name='reason',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='decision',
            name='resources',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='note',
            name='body',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(),
        ),
        migrations.AlterField(
            model_name='note',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
    ]
