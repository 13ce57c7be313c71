#!/bin/sh
# Makes PostgreSQL ready to go back to one moment, from a base backup and the archive. While it is stopped:
#   sh /recover-to.sh /archive/base/20260601 '2026-06-03 14:05:00 UTC'
# At its next start it reads the archive up to that moment and goes on from there.
set -eu
base=$1 moment=$2 archive=${ARCHIVE:-/archive}
if [ -e "$PGDATA.before" ]; then
    echo "$PGDATA.before is there from an earlier time. Remove it when it is of no use." >&2
    exit 1
fi
if [ ! -e "$base/backup_label" ]; then
    echo "$base is no base backup. There are: $(ls "$archive/base")" >&2
    exit 1
fi
mv "$PGDATA" "$PGDATA.before"
cp -a "$base" "$PGDATA"
chmod 700 "$PGDATA"
touch "$PGDATA/recovery.signal"
cat >> "$PGDATA/postgresql.auto.conf" <<END
restore_command = 'cp $archive/wal/%f %p'
recovery_target_time = '$moment'
recovery_target_action = promote
END
echo "Ready to go back to $moment. The database as it was is kept in $PGDATA.before."
