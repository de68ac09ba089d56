-- Searches for the change of the world that broke a repository: what was tried, so that nothing is paid for twice.

set local search_path = janitor;

create type culprit_state as enum ('searching', 'found', 'inconclusive');
create type culprit_outcome as enum ('green', 'red', 'otherwise', 'untold');

create table culprit_searches (
  search_id      bigint generated always as identity primary key,
  deployment     text not null check (length(deployment) between 1 and 100),
  -- Whoever asks with the same key goes on with the same search.
  search_key     text not null check (length(search_key) between 1 and 500),
  -- The failure.
  validation_id  uuid not null references repository_validations on delete cascade,
  state          culprit_state not null default 'searching',
  -- What is named, as changes of a report's provenance.
  changes        jsonb not null default '[]',
  reason         text check (length(reason) between 1 and 2000),
  began_at       timestamptz not null default clock_timestamp(),
  ended_at       timestamptz,
  unique (deployment, search_key),
  check ((state = 'searching') = (ended_at is null)),
  check ((ended_at is null) = (reason is null))
);
create index culprit_searches_of_validation on culprit_searches (validation_id);

create table culprit_steps (
  search_id      bigint not null references culprit_searches on delete cascade,
  number         integer not null check (number > 0),
  experiment_id  uuid not null unique,
  -- Keys of changes; see domain/culprit/difference.py.
  put_back       text[] not null,
  -- Null as long as it isn't over.
  outcome        culprit_outcome,
  reason         text not null check (length(reason) <= 2000),
  -- Of the experiment; none where it was made on a machine that keeps no rows.
  validation_id  uuid,
  cost_usd       numeric(12, 6) check (cost_usd >= 0),
  began_at       timestamptz not null default clock_timestamp(),
  ended_at       timestamptz,
  primary key (search_id, number),
  check ((outcome is null) = (ended_at is null))
);

grant select on culprit_searches, culprit_steps to janitor_read, janitor_write;
grant insert, update (state, changes, reason, ended_at) on culprit_searches to janitor_write;
-- What was tried isn't changed afterwards, but for how it ended.
grant insert, update (outcome, reason, validation_id, cost_usd, ended_at) on culprit_steps to janitor_write;
