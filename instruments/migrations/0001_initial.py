import django.db.models.functions.uuid
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Instrument",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.db.models.functions.uuid.UUID7(),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("code", models.SlugField(max_length=40)),
                ("version", models.CharField(max_length=10)),
                ("language", models.CharField(max_length=10)),
                ("title", models.CharField(max_length=120)),
                ("definition", models.JSONField()),
                ("licence", models.TextField()),
                ("source", models.TextField()),
                (
                    "loaded_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
            options={
                "ordering": ["code", "language", "version"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("code", "version", "language"),
                        name="instruments_instrument_version_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__regex", "^[1-9][0-9]*$")),
                        name="instruments_instrument_version_counted",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            sql="""
            CREATE FUNCTION instruments_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'a stored version of an instrument never changes'
                    USING ERRCODE = 'restrict_violation';
            END
            $$;
            CREATE TRIGGER instruments_instrument_unchanging
                BEFORE UPDATE ON instruments_instrument
                FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
                EXECUTE FUNCTION instruments_refuse_change();
            """,
            reverse_sql="""
            DROP TRIGGER instruments_instrument_unchanging ON instruments_instrument;
            DROP FUNCTION instruments_refuse_change();
            """,
        ),
    ]
