-- Two roles for one database: the owner migrates, the registry itself works as one that may not change the scheme: it
-- cannot drop or disable the triggers that keep the log, nor empty or rewrite a table of it.
--
-- Run as a superuser in the registry's database, before the first `migrate`; then again after each one that adds tables:
--     psql -v ON_ERROR_STOP=1 -d registry -f postgresql-roles.sql
-- Then migrate with DATABASE_URL=postgresql://registry_owner@…/registry, and serve with postgresql://registry_app@…
-- (give both a password: \password registry_owner).

SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['registry_owner', 'registry_app']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec

SELECT format('GRANT CONNECT, CREATE ON DATABASE %I TO registry_owner', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO registry_app', current_database()) \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- A temporary table could have triggers of one's own.
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
GRANT USAGE, CREATE ON SCHEMA public TO registry_owner;
GRANT USAGE ON SCHEMA public TO registry_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO registry_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO registry_app;
ALTER DEFAULT PRIVILEGES FOR ROLE registry_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO registry_app;
ALTER DEFAULT PRIVILEGES FOR ROLE registry_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO registry_app;

-- The log and what signs it are read and added to.
SELECT format('REVOKE UPDATE, DELETE ON %I FROM registry_app', relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND relname IN ('events_event', 'events_checkpoint', 'events_checkpointkey', 'events_checkpointleaf') \gexec
-- Which migrations are applied is for the owner to say.
SELECT 'REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM registry_app'
WHERE to_regclass('public.django_migrations') IS NOT NULL \gexec
