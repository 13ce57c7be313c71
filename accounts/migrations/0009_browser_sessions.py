"""Sign-ins in a table of our own."""

import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', "0008_data_export"),
    ]

    operations = [
        migrations.CreateModel(
            name='BrowserSession',
            fields=[
                ('id', models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), editable=False, primary_key=True, serialize=False)),
                ('key_digest', models.CharField(max_length=64, unique=True)),
                ('data', models.TextField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('began_at', models.DateTimeField()),
                ('used_at', models.DateTimeField()),
                ('device', models.CharField(blank=True, max_length=60)),
                ('is_shared', models.BooleanField(default=False)),
                ('is_of_staff', models.BooleanField(default=False)),
                ('is_to_renew', models.BooleanField(default=False)),
                ('is_to_tell', models.BooleanField(default=False)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='browser_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('is_to_tell', False), ('user__isnull', False), _connector='OR'), name='accounts_browsersession_tells_somebody')],
            },
        ),
        # Keys of sign-ins under the engine before stood in the clear. Everybody signs in once more.
        migrations.RunSQL(
            """
            DO $$ BEGIN
                IF to_regclass('django_session') IS NOT NULL THEN DELETE FROM django_session; END IF;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
