"""The database keeps what the directory searches, whoever changes a group, its topics or a name."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION groups_search_configuration(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE lower(left(language, 2))
        WHEN 'en' THEN 'english' WHEN 'de' THEN 'german' WHEN 'fr' THEN 'french'
        WHEN 'es' THEN 'spanish' WHEN 'it' THEN 'italian' WHEN 'pt' THEN 'portuguese'
        WHEN 'nl' THEN 'dutch' WHEN 'sv' THEN 'swedish' WHEN 'da' THEN 'danish'
        WHEN 'nb' THEN 'norwegian' WHEN 'no' THEN 'norwegian' WHEN 'fi' THEN 'finnish'
        WHEN 'hu' THEN 'hungarian' WHEN 'ro' THEN 'romanian' WHEN 'ru' THEN 'russian'
        WHEN 'tr' THEN 'turkish' WHEN 'el' THEN 'greek' WHEN 'ar' THEN 'arabic'
        ELSE 'simple' END)::regconfig
$$;

-- Word forms in the group's language; whoever searches in English finds English words in any group;
-- and every word as it stands, for names.
CREATE FUNCTION groups_search_vector(language text, words text, weight "char") RETURNS tsvector
LANGUAGE sql STABLE AS $$
    SELECT setweight(
        to_tsvector(groups_search_configuration(language), unaccent(words))
        || to_tsvector('english', unaccent(words))
        || to_tsvector('simple', unaccent(words)),
        weight)
$$;

CREATE FUNCTION groups_search_refresh(only_group uuid) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO groups_searchentry (group_id, document, words)
    SELECT g.id,
        groups_search_vector(g.language, g.name, 'A')
        || groups_search_vector(g.language, topics.names, 'B')
        || groups_search_vector(g.language, g.purpose || ' ' || g.who_it_is_for, 'C')
        || groups_search_vector(g.language, g.place, 'D'),
        lower(unaccent(concat_ws(' ', g.name, topics.names, g.purpose, g.who_it_is_for, g.place)))
    FROM groups_supportgroup g
    CROSS JOIN LATERAL (
        SELECT coalesce(string_agg(t.name, ' ' ORDER BY t.name), '') AS names
        FROM groups_supportgroup_topics gt JOIN groups_topic t ON t.id = gt.topic_id
        WHERE gt.supportgroup_id = g.id
    ) topics
    WHERE g.id = only_group
    ON CONFLICT (group_id) DO UPDATE SET document = excluded.document, words = excluded.words
    WHERE (groups_searchentry.document, groups_searchentry.words)
        IS DISTINCT FROM (excluded.document, excluded.words)
$$;

CREATE FUNCTION groups_search_group_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM groups_search_refresh(NEW.id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER groups_search_group_added AFTER INSERT ON groups_supportgroup
    FOR EACH ROW EXECUTE FUNCTION groups_search_group_changed();
CREATE TRIGGER groups_search_group_changed AFTER UPDATE ON groups_supportgroup
    FOR EACH ROW WHEN (
        (OLD.name, OLD.purpose, OLD.who_it_is_for, OLD.place, OLD.language)
        IS DISTINCT FROM (NEW.name, NEW.purpose, NEW.who_it_is_for, NEW.place, NEW.language))
    EXECUTE FUNCTION groups_search_group_changed();

CREATE FUNCTION groups_search_topics_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM groups_search_refresh(coalesce(NEW.supportgroup_id, OLD.supportgroup_id));
    RETURN NULL;
END;
$$;
CREATE TRIGGER groups_search_topics_changed
    AFTER INSERT OR UPDATE OR DELETE ON groups_supportgroup_topics
    FOR EACH ROW EXECUTE FUNCTION groups_search_topics_changed();

CREATE FUNCTION groups_search_topic_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM groups_search_refresh(supportgroup_id)
        FROM groups_supportgroup_topics WHERE topic_id = NEW.id;
    RETURN NULL;
END;
$$;
CREATE TRIGGER groups_search_topic_renamed AFTER UPDATE OF name ON groups_topic
    FOR EACH ROW EXECUTE FUNCTION groups_search_topic_renamed();

SELECT groups_search_refresh(id) FROM groups_supportgroup;
"""

BACKWARD = """
DROP TRIGGER groups_search_topic_renamed ON groups_topic;
DROP TRIGGER groups_search_topics_changed ON groups_supportgroup_topics;
DROP TRIGGER groups_search_group_changed ON groups_supportgroup;
DROP TRIGGER groups_search_group_added ON groups_supportgroup;
DROP FUNCTION groups_search_topic_renamed();
DROP FUNCTION groups_search_topics_changed();
DROP FUNCTION groups_search_group_changed();
DROP FUNCTION groups_search_refresh(uuid);
DROP FUNCTION groups_search_vector(text, text, "char");
DROP FUNCTION groups_search_configuration(text);
"""


class Migration(migrations.Migration):
    dependencies = [("groups", "0002_finding_waiting_and_coming_back")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
