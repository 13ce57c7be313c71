"""Words are encrypted where they are kept. Stop the site for it: what runs still writes plain ones."""

import django.db.models.functions.uuid
import supportgroups.lib.encrypted_fields
import supportgroups.lib.ids
from django.db import migrations, models

from supportgroups.lib.rewriting import EncryptField


# A value may be written under another key, and nothing else about it may change.
REKEYED = """
CREATE FUNCTION outcomes_rekeyed(before text, after text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT before = after OR (
        COALESCE(current_setting('supportgroups.reencrypting', true), '') = 'on'
        AND split_part(before, '.', 2) <> split_part(after, '.', 2)
    )
$$;
CREATE OR REPLACE FUNCTION outcomes_response_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.submitted_at IS NOT NULL AND (
        to_jsonb(NEW) - '{entered_by_id,answers}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{entered_by_id,answers}'::text[]
        OR NOT outcomes_rekeyed(OLD.answers, NEW.answers)
        OR NEW.entered_by_id IS NOT NULL AND NEW.entered_by_id IS DISTINCT FROM OLD.entered_by_id
    ) THEN
        RAISE EXCEPTION 'a submitted response never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$$;
DROP TRIGGER outcomes_disclosure_no_change ON outcomes_disclosure;
CREATE TRIGGER outcomes_disclosure_no_change BEFORE UPDATE ON outcomes_disclosure
    FOR EACH ROW WHEN (
        OLD.signed_at IS NOT NULL AND (
            to_jsonb(OLD) - '{claimed_at,attempts,made_at,ended_at,ended_why,person_name,
                recipient_name,recipient_organisation,purpose,terms,signature}'::text[]
                IS DISTINCT FROM
            to_jsonb(NEW) - '{claimed_at,attempts,made_at,ended_at,ended_why,person_name,
                recipient_name,recipient_organisation,purpose,terms,signature}'::text[]
            OR NOT outcomes_rekeyed(OLD.person_name, NEW.person_name)
            OR NOT outcomes_rekeyed(OLD.recipient_name, NEW.recipient_name)
            OR NOT outcomes_rekeyed(OLD.recipient_organisation, NEW.recipient_organisation)
            OR NOT outcomes_rekeyed(OLD.purpose, NEW.purpose)
            OR NOT outcomes_rekeyed(OLD.terms, NEW.terms)
            OR NOT outcomes_rekeyed(OLD.signature, NEW.signature)
            OR OLD.made_at IS NOT NULL AND NEW.made_at IS DISTINCT FROM OLD.made_at
            OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at
        )
    )
    EXECUTE FUNCTION outcomes_disclosure_signed();
"""

# As 0003 and 0004 made them.
REKEYED_BACK = """
DROP TRIGGER outcomes_disclosure_no_change ON outcomes_disclosure;
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
CREATE OR REPLACE FUNCTION outcomes_response_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.submitted_at IS NOT NULL AND (
        to_jsonb(NEW) - 'entered_by_id' IS DISTINCT FROM to_jsonb(OLD) - 'entered_by_id'
        OR NEW.entered_by_id IS NOT NULL AND NEW.entered_by_id IS DISTINCT FROM OLD.entered_by_id
    ) THEN
        RAISE EXCEPTION 'a submitted response never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$$;
DROP FUNCTION outcomes_rekeyed(text, text);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('outcomes', '0011_without_whom'),
    ]

    operations = [
        migrations.AlterField(
            model_name='disclosure',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='disclosure',
            name='person_name',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=80),
        ),
        EncryptField(
            model_name='disclosure',
            name='purpose',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=200),
        ),
        EncryptField(
            model_name='disclosure',
            name='recipient_name',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=80),
        ),
        EncryptField(
            model_name='disclosure',
            name='recipient_organisation',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(max_length=120),
        ),
        EncryptField(
            model_name='disclosure',
            name='signature',
            field=supportgroups.lib.encrypted_fields.EncryptedTextField(blank=True, max_length=80),
        ),
        EncryptField(
            model_name='disclosure',
            name='terms',
            field=supportgroups.lib.encrypted_fields.EncryptedJSONField(blank=True, default=list),
        ),
        EncryptField(
            model_name='disclosurefile',
            name='content',
            field=supportgroups.lib.encrypted_fields.EncryptedBinaryField(),
        ),
        migrations.AlterField(
            model_name='disclosurefile',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        EncryptField(
            model_name='response',
            name='answers',
            field=supportgroups.lib.encrypted_fields.EncryptedJSONField(bound_by='shared_from_id', default=dict),
        ),
        migrations.AlterField(
            model_name='response',
            name='id',
            field=models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), default=supportgroups.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        migrations.RunSQL(REKEYED, REKEYED_BACK),
    ]
