"""Words are encrypted where they are kept. Stop the site for it: what runs still writes plain ones."""

import django.db.models.functions.uuid
import supportgroups.lib.encrypted_fields
import supportgroups.lib.ids
from django.db import migrations, models

from supportgroups.lib.rewriting import EncryptField


class Migration(migrations.Migration):

    dependencies = [
        ('support_sessions', '0010_closed_accounts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='cover',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='cover',
            name='note',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=300),
        ),
        EncryptField(
            model_name='debrief',
            name='concerns',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        EncryptField(
            model_name='debrief',
            name='how_it_went',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        migrations.AlterField(
            model_name='debrief',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        migrations.AlterField(
            model_name='followup',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='followup',
            name='what',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=200),
        ),
        EncryptField(
            model_name='intervention',
            name='claim',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=300),
        ),
        migrations.AlterField(
            model_name='intervention',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='intervention',
            name='review_note',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=1000),
        ),
        EncryptField(
            model_name='intervention',
            name='words',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=500),
        ),
        EncryptField(
            model_name='linemessage',
            name='body',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(),
        ),
        migrations.AlterField(
            model_name='linemessage',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='message',
            name='body',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True),
        ),
        migrations.AlterField(
            model_name='message',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='messageversion',
            name='body',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(),
        ),
        migrations.AlterField(
            model_name='messageversion',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='report',
            name='detail',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=1000),
        ),
        migrations.AlterField(
            model_name='report',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='report',
            name='note',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=1000),
        ),
    ]
