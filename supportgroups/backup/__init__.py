"""Encrypted backups of the whole database, and the way back.

`manage.py backup` is the door to it; `docs/operations.md` says how. A backup is one file in the age
format. Inside is a tar: `manifest.json` says what the database held, `database.dump.00001` and so
on are the pieces of one `pg_dump` archive, `end.json` closes it. Without this code:

    age --decrypt --identity KEY FILE | tar --extract --to-stdout --wildcards 'database.dump.*' \\
        | pg_restore --dbname DATABASE
"""


class BackupError(Exception):
    """What went wrong, in words for whoever runs the command, with the way out."""
