"""Summaries for a clinician, and who may delete answers that were sent: whose they are."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.uuid
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


# What somebody signed stays; that it was made and that it ended comes once each.
SIGNED = """
CREATE FUNCTION outcomes_disclosure_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a signed disclosure never changes' USING ERRCODE = 'check_violation';
END;
$$;
CREATE TRIGGER outcomes_disclosure_no_change BEFORE UPDATE ON outcomes_disclosure
    FOR EACH ROW WHEN (
        OLD.signed_at IS NOT NULL AND (
            to_jsonb(OLD) - '{claimed_at,attempts,made_at,ended_at,ended_why}'::text[]
                IS DISTINCT FROM
            to_jsonb(NEW) - '{claimed_at,attempts,made_at,ended_at,ended_why}'::text[]
            OR OLD.made_at IS NOT NULL AND NEW.made_at IS DISTINCT FROM OLD.made_at
            OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at
        )
    )
    EXECUTE FUNCTION outcomes_disclosure_signed();
"""

SIGNED_BACK = """
DROP TRIGGER outcomes_disclosure_no_change ON outcomes_disclosure;
DROP FUNCTION outcomes_disclosure_signed();
"""

# `supportgroups.lib.erasing` names whose answers may go in this transaction.
KEPT = """
CREATE FUNCTION outcomes_response_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('supportgroups.erasing', true) IS DISTINCT FROM (
        SELECT m.user_id::text
        FROM outcomes_surveyinvitation i JOIN groups_membership m ON m.id = i.membership_id
        WHERE i.id = OLD.invitation_id
    ) THEN
        RAISE EXCEPTION 'only whoever answered deletes a submitted response'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END;
$$;
CREATE TRIGGER outcomes_response_no_delete BEFORE DELETE ON outcomes_response
    FOR EACH ROW WHEN (OLD.submitted_at IS NOT NULL) EXECUTE FUNCTION outcomes_response_kept();
"""

KEPT_BACK = """
DROP TRIGGER outcomes_response_no_delete ON outcomes_response;
DROP FUNCTION outcomes_response_kept();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('outcomes', '0003_occasions_paper_and_sharing'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Disclosure',
            fields=[
                ('id', models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), editable=False, primary_key=True, serialize=False)),
                ('person_name', models.CharField(max_length=80)),
                ('recipient_name', models.CharField(max_length=80)),
                ('recipient_organisation', models.CharField(max_length=120)),
                ('purpose', models.CharField(max_length=200)),
                ('instruments', django.contrib.postgres.fields.ArrayField(base_field=models.SlugField(max_length=40))),
                ('since', models.DateField(blank=True, null=True)),
                ('with_answers', models.BooleanField(default=False)),
                ('with_attendance', models.BooleanField(default=False)),
                ('ends_on', models.DateField()),
                ('begun_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('version', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('signature', models.CharField(blank=True, max_length=80)),
                ('signed_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('made_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_why', models.CharField(blank=True, choices=[('revoked', 'You took it back'), ('expired', 'Its time was over'), ('erased', 'You deleted answers that were in it')], max_length=7)),
                ('responses', models.ManyToManyField(blank=True, related_name='disclosures', to='outcomes.response')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='disclosures', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-begun_at'],
            },
        ),
        migrations.CreateModel(
            name='DisclosureFile',
            fields=[
                ('id', models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('pdf', 'PDF'), ('fhir', 'FHIR bundle')], max_length=4)),
                ('content', models.BinaryField()),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('disclosure', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='outcomes.disclosure')),
            ],
        ),
        migrations.AddIndex(
            model_name='disclosure',
            index=models.Index(condition=models.Q(('ended_at__isnull', True), ('made_at__isnull', True)), fields=['signed_at'], name='outcomes_disclosure_to_make'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('signature', ''), ('signed_at__isnull', True), ('version__isnull', True)), models.Q(('signed_at__isnull', False), ('version__isnull', False), models.Q(('signature', ''), _negated=True)), _connector='OR'), name='outcomes_disclosure_signed_whole'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(('made_at__isnull', True), ('signed_at__isnull', False), _connector='OR'), name='outcomes_disclosure_made_when_signed'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ended_why', '')), models.Q(('ended_at__isnull', False), ('ended_why__in', ['revoked', 'expired', 'erased']), ('signed_at__isnull', False)), _connector='OR'), name='outcomes_disclosure_ended_why'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('instruments', []), _negated=True), ('with_attendance', True), _connector='OR'), name='outcomes_disclosure_of_something'),
        ),
        migrations.AddConstraint(
            model_name='disclosurefile',
            constraint=models.UniqueConstraint(fields=('disclosure', 'kind'), name='outcomes_disclosurefile_once'),
        ),
        migrations.AddConstraint(
            model_name='disclosurefile',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['pdf', 'fhir'])), name='outcomes_disclosurefile_kind_known'),
        ),
        migrations.RunSQL(SIGNED, SIGNED_BACK),
        migrations.RunSQL(KEPT, KEPT_BACK),
    ]
