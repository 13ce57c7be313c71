#!/bin/bash
# Runs once, when PostgreSQL's volume is empty. Two roles: the owner's makes and changes tables
# (migrations), the application's reads and writes rows. What the application may not do, such as
# changing the audit trail, is taken from its role by the migrations.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username postgres \
    --set owner_password="$DATABASE_OWNER_PASSWORD" --set app_password="$DATABASE_APP_PASSWORD" <<'SQL'
CREATE ROLE supportgroups_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE supportgroups_app LOGIN PASSWORD :'app_password';
CREATE DATABASE supportgroups OWNER supportgroups_owner;
\connect supportgroups
ALTER DEFAULT PRIVILEGES FOR ROLE supportgroups_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO supportgroups_app;
ALTER DEFAULT PRIVILEGES FOR ROLE supportgroups_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO supportgroups_app;
SQL
