"""One organisation with years of attendance, made by the database itself."""

import psycopg

#: Sessions each membership has attendance of.
EACH = 27
#: Held sessions of each group: three years of weeks.
WEEKS = 156
#: Memberships of each group over these years.
MEMBERS = 200

# Rows are copies of one that the product made itself, so that they have all it needs.
_GROUPS = """
INSERT INTO groups_supportgroup
SELECT (jsonb_populate_record(g, jsonb_build_object(
    'id', uuidv7(), 'slug', 'circle-' || n, 'name', 'Circle ' || lpad(n::text, 5, '0'),
    'format', (ARRAY['online', 'in_person', 'hybrid'])[1 + n %% 3],
    'facilitation', (ARRAY['peer_led', 'professionally_led'])[1 + n %% 2],
    'admission', 'screened'
))).* FROM groups_supportgroup g, generate_series(1, %(groups)s) AS n WHERE g.id = %(group)s
"""
_TOPICS = """
INSERT INTO groups_supportgroup_topics (supportgroup_id, topic_id)
SELECT g.id, t.id FROM groups_supportgroup g, groups_topic t
WHERE g.organisation_id = %(organisation)s AND abs(hashtext(g.slug || t.slug)) %% 4 = 0
"""
_FACILITATORS = """
INSERT INTO groups_facilitatorassignment (id, group_id, user_id, is_lead, introduction, began_at)
SELECT uuidv7(), g.id, %(user)s, true, '', now() FROM groups_supportgroup g
WHERE g.organisation_id = %(organisation)s
"""
_USERS = """
INSERT INTO accounts_user
SELECT (jsonb_populate_record(u, jsonb_build_object(
    'id', uuidv7(), 'email', n || '@example.org', 'display_name', 'Person ' || n
))).* FROM accounts_user u, generate_series(1, %(people)s) AS n WHERE u.id = %(user)s
"""
_SESSIONS = """
INSERT INTO support_sessions_supportsession
SELECT (jsonb_populate_record(s, jsonb_build_object(
    'id', uuidv7(), 'group_id', g.id, 'status', 'ended', 'starts_at', at,
    'ends_at', at + interval '90 minutes', 'began_at', at, 'ended_at', at + interval '90 minutes',
    'original_starts_at', at
))).*
FROM support_sessions_supportsession s,
     (SELECT id, row_number() OVER (ORDER BY slug) AS place FROM groups_supportgroup
      WHERE organisation_id = %(organisation)s) AS g,
     LATERAL (
         SELECT now() - make_interval(weeks => %(weeks)s - w, hours => 6 + (g.place %% 150)::int)
             AS at
         FROM generate_series(1, %(weeks)s) AS w
     ) AS a
WHERE s.id = %(session)s
"""
# Somebody begins at one of the group's sessions, stays for a while, and misses some in between.
_MEMBERSHIPS = """
CREATE TEMP TABLE joined AS
SELECT uuidv7() AS id, g.id AS group_id, u.id AS user_id, n,
       1 + abs(hashtext(g.slug || n)) %% (%(weeks)s - 3) AS first
FROM groups_supportgroup g,
     generate_series(1, %(members)s) AS n,
     LATERAL (SELECT id FROM people WHERE place = (abs(hashtext(g.slug)) + n) %% %(people)s) AS u
WHERE g.organisation_id = %(organisation)s
"""
_MEMBERS = """
INSERT INTO groups_membership
SELECT (jsonb_populate_record(m, jsonb_build_object(
    'id', j.id, 'group_id', j.group_id, 'user_id', j.user_id,
    'status', CASE WHEN j.first + 30 < %(weeks)s THEN 'withdrawn' ELSE 'active' END,
    'applied_at', at - interval '9 days', 'accepted_at', at - interval '6 days',
    'activated_at', at - interval '5 days',
    'ended_at', CASE WHEN j.first + 30 < %(weeks)s THEN at + interval '31 weeks' END
))).*
FROM groups_membership m, joined j,
     LATERAL (SELECT now() - make_interval(weeks => %(weeks)s - j.first) AS at) AS a
WHERE m.id = %(membership)s
"""
_ATTENDANCES = """
INSERT INTO support_sessions_attendance (
    id, support_session_id, membership_id, status, answer, status_by_presence, came_by,
    said_count, spoke_seconds
)
SELECT uuidv7(), s.id, j.id,
       CASE WHEN k = 0 THEN 'attended'
            WHEN k >= stays.until THEN 'no_show'
            ELSE (ARRAY['attended', 'attended', 'attended', 'attended', 'late', 'attended',
                        'excused', 'attended', 'no_show', 'left_early']
                 )[1 + abs(hashtext(j.n || 'x' || k)) %% 10] END,
       '', '', 'online', abs(hashtext(j.n || 'y' || k)) %% 4, 0
FROM joined j
CROSS JOIN LATERAL (SELECT 2 + abs(hashtext(j.id::text)) %% 60 AS until) AS stays
CROSS JOIN generate_series(0, %(each)s - 1) AS k
JOIN held s ON s.group_id = j.group_id AND s.place = j.first + k
"""


def build(superuser_url: str, *, groups: int, like: dict[str, object]) -> dict[str, int]:
    """Fill the organisation of `like` (ids of one row each); returns how much there is.

    As a superuser, because triggers and references are not looked at meanwhile: what is copied is
    whole already.
    """
    given = like | {
        "groups": groups,
        "weeks": WEEKS,
        "members": MEMBERS,
        "each": EACH,
        "people": max(MEMBERS, groups * MEMBERS // 10),
    }
    with psycopg.connect(superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET work_mem = '256MB'")
        for statement in (_GROUPS, _TOPICS, _FACILITATORS, _USERS, _SESSIONS):
            cursor.execute(statement, given)
        cursor.execute(
            "CREATE TEMP TABLE people AS SELECT id, row_number() OVER () - 1 AS place"
            " FROM accounts_user WHERE display_name LIKE 'Person %'"
        )
        cursor.execute("CREATE INDEX ON people (place); ANALYZE people")
        cursor.execute(_MEMBERSHIPS, given)
        cursor.execute(_MEMBERS, given)
        cursor.execute(
            "CREATE TEMP TABLE held AS SELECT id, group_id, row_number() OVER ("
            " PARTITION BY group_id ORDER BY starts_at) AS place"
            " FROM support_sessions_supportsession WHERE status = 'ended'"
        )
        cursor.execute("CREATE INDEX ON held (group_id, place); ANALYZE held; ANALYZE joined")
        cursor.execute(_ATTENDANCES, given)
        cursor.execute("INSERT INTO outcomes_recount (group_id) SELECT id FROM groups_supportgroup")
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM ANALYZE")
        counted = {}
        for table in ("groups_membership", "support_sessions_attendance"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            (counted[table],) = cursor.fetchone() or (0,)
    return counted
