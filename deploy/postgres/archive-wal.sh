#!/bin/sh
# PostgreSQL's archive_command: copies a finished WAL file to where it is kept, whole or not at all.
# A file that is there already must be the same one: PostgreSQL asks again after a crash.
set -eu
file=$1 kept=$2
if [ -e "$kept" ]; then
    exec cmp -s "$file" "$kept"
fi
cp "$file" "$kept.unfinished"
sync "$kept.unfinished"
mv "$kept.unfinished" "$kept"
