"""What a database holds: rows and a hash of each table, and every guard and right around them.

Read in the snapshot that is backed up, and again after a restore. All of it is computed by the
database, in an order of its own, so no row comes here.
"""

import hashlib
import re
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

#: Rows are hashed as PostgreSQL spells them, so the spelling is fixed.
_SPELLING = """
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = public;
"""

_NOT_OF_AN_EXTENSION = """
NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')
"""

_TABLES = f"""
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND {_NOT_OF_AN_EXTENSION.format(oid="c.oid")}
ORDER BY c.relname
"""  # noqa: S608 - of constants

# The sums do not depend on the order of rows, and grow beyond any integer.
_ROWS = """
SELECT count(*), coalesce(sum(('x' || left(h, 16))::bit(64)::bigint::numeric), 0),
       coalesce(sum(('x' || right(h, 16))::bit(64)::bigint::numeric), 0)
FROM (SELECT md5(t::text) AS h FROM {table} t) spelt
"""

_ACL = "(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest({acl}) a)"

#: Each gives names and definitions. Names are told when something is missing or another.
_OBJECTS = f"""
SELECT 'table ' || c.relname, concat_ws(' ', c.relkind::text, c.relrowsecurity::text,
       c.relforcerowsecurity::text, c.reloptions::text)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r','p','v','m','S')
UNION ALL
SELECT 'rights on ' || c.relname,
       pg_get_userbyid(c.relowner) || ' ' || coalesce({_ACL.format(acl="c.relacl")}, '')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r','p','v','m','S')
UNION ALL
SELECT 'column ' || c.relname || '.' || a.attname, concat_ws(' ',
       format_type(a.atttypid, a.atttypmod), a.attnotnull::text, a.attidentity::text,
       a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation::text,
       a.attacl::text)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r','p','v','m')
  AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || n.conname || ' on ' || n.conrelid::regclass,
       pg_get_constraintdef(n.oid) || n.convalidated::text
FROM pg_constraint n WHERE n.connamespace = 'public'::regnamespace AND n.conrelid <> 0
UNION ALL
SELECT 'index ' || i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = 'public'
UNION ALL
SELECT 'trigger ' || t.tgname || ' on ' || t.tgrelid::regclass,
       pg_get_triggerdef(t.oid) || t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'function ' || p.oid::regprocedure, concat_ws(' ', pg_get_functiondef(p.oid),
       pg_get_userbyid(p.proowner), {_ACL.format(acl="p.proacl")})
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
  AND {_NOT_OF_AN_EXTENSION.format(oid="p.oid")}
UNION ALL
SELECT 'sequence ' || s.sequencename, concat_ws(' ', s.last_value::text, s.increment_by::text,
       s.data_type::text, s.cycle::text)
FROM pg_sequences s WHERE s.schemaname = 'public'
UNION ALL
SELECT 'extension ' || extname, extname FROM pg_extension
UNION ALL
SELECT 'rights on new ' || d.defaclobjtype::text || ' of ' || pg_get_userbyid(d.defaclrole),
       {_ACL.format(acl="d.defaclacl")}
FROM pg_default_acl d WHERE d.defaclnamespace = 'public'::regnamespace
"""  # noqa: S608 - of constants

#: PostgreSQL spells one and the same condition with other casts and brackets once it was restored.
_SPELT_ANEW = re.compile(r"::(text|character varying)\b|\[\]|[()]")

_ROLES = """
SELECT DISTINCT pg_get_userbyid(a.grantee) FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> 0 AND c.relkind IN ('r', 'p', 'S')
UNION SELECT DISTINCT pg_get_userbyid(c.relowner) FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
"""


def tables(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return [name for (name,) in cursor.fetchall()]


def server_version(connection: BaseDatabaseWrapper) -> int:
    """The major version of the server."""
    connection.ensure_connection()
    return int(connection.connection.info.server_version) // 10_000


def read(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    """Everything that a restored database must hold too."""
    with connection.cursor() as cursor:
        cursor.execute(_SPELLING)
        found = {}
        for name in tables(connection):
            cursor.execute(sql.SQL(_ROWS).format(table=sql.Identifier(name)))
            rows, *sums = cursor.fetchone()
            found[name] = {"rows": rows, "hash": ":".join(map(str, sums))}
        cursor.execute(_OBJECTS)
        objects = {
            name: hashlib.sha256(_SPELT_ANEW.sub("", definition or "").encode()).hexdigest()[:16]
            for name, definition in cursor.fetchall()
        }
        cursor.execute(_ROLES)
        roles = sorted(name for (name,) in cursor.fetchall())
    return {"tables": found, "objects": objects, "roles": roles}


def missing_roles(connection: BaseDatabaseWrapper, wanted: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [wanted])
        return sorted(set(wanted) - {name for (name,) in cursor.fetchall()})


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Sentences on what `found` lacks, has besides, or has another. Empty when nothing does."""
    sentences = []
    for name in sorted(wanted["tables"].keys() | found["tables"].keys()):
        before, now = wanted["tables"].get(name), found["tables"].get(name)
        if before is None or now is None:
            sentences.append(
                f"Table {name} is {'missing' if now is None else 'not in the backup'}."
            )
        elif before["rows"] != now["rows"]:
            sentences.append(f"Table {name} has {now['rows']} rows instead of {before['rows']}.")
        elif before["hash"] != now["hash"]:
            sentences.append(f"Table {name} has as many rows, and other words in them.")
    for name in sorted(wanted["objects"].keys() | found["objects"].keys()):
        was, stands = wanted["objects"].get(name), found["objects"].get(name)
        if was != stands:
            how = "missing" if stands is None else "not in the backup" if was is None else "another"
            sentences.append(f"The {name} is {how}.")
    return sentences
