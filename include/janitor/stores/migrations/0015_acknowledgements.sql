-- Causes that somebody knows of: until they end, their repositories are dimmed and no message tells of them.

set local search_path = janitor;

create type acknowledged_until as enum ('date', 'new_commit', 'cause_changes');

create table acknowledgements (
  acknowledgement_id bigint generated always as identity primary key,
  deployment         text not null,
  -- A signature, or a repository with a title where there is none.
  cause_key          text not null check (length(cause_key) between 1 and 1000),
  -- `organization/name`; null: whatever repository has the cause.
  repository         text check (length(repository) between 3 and 500),
  reason             text not null check (length(reason) between 1 and 500),
  made_by            text not null check (length(made_by) between 1 and 200),
  made_at            timestamptz not null default clock_timestamp(),
  until              acknowledged_until not null,
  until_at           timestamptz,
  -- That the repository failed at.
  commit_sha         text,
  -- Taken back by somebody before that.
  ended_at           timestamptz,
  ended_by           text check (length(ended_by) between 1 and 200),
  check ((until = 'date') = (until_at is not null)),
  check (until <> 'new_commit' or (repository is not null and commit_sha is not null)),
  check ((ended_at is null) = (ended_by is null))
);
create index acknowledgements_of_cause on acknowledgements (deployment, cause_key) where ended_at is null;

grant select on acknowledgements to janitor_read, janitor_write;
grant insert, update on acknowledgements to janitor_write;
