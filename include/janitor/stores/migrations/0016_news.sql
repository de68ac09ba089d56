-- What somebody is told because it is new. It is written in the transaction of what it tells of, and sent afterwards: so
-- that no crash loses a message, and no second look at the same fact makes another one.

set local search_path = janitor;

create type news_event as enum ('newly_broken', 'newly_fixed', 'stale', 'budget_refused', 'leak_found');
create type news_channel as enum ('file', 'slack_webhook', 'slack_bot', 'sns', 'email', 'github_issues');
create type delivery_kind as enum ('open', 'update', 'close');

-- Who is told of a run: channels with their addresses and the names of their secrets. Null: nobody.
alter table validation_runs add column news_routes jsonb;

create table news (
  news_id      bigint generated always as identity primary key,
  deployment   text not null,
  event        news_event not null,
  dedupe_key   text not null check (dedupe_key <> ''),
  run_id       uuid references validation_runs on delete set null,  -- whose end lets it go; null: it goes at once
  routes       jsonb,
  facts        jsonb not null default '{}',
  opened_at    timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz not null default clock_timestamp(),
  occurrences  integer not null default 1 check (occurrences >= 1),
  released_at  timestamptz,  -- its messages were written
  over_at      timestamptz,  -- what it tells of is over; that is told next
  closed_at    timestamptz,
  check (closed_at is null or released_at is not null)
);
-- One piece of news for one thing, as long as it stands.
create unique index news_open on news (deployment, event, dedupe_key) where closed_at is null;

-- The repositories of a cause: each joins with the validation that broke it, and leaves with the one that passed.
create table news_repositories (
  news_id            bigint not null references news on delete cascade,
  validation_id      uuid not null references repository_validations on delete cascade,
  deployment         text not null,
  organization       text not null,
  repository_name    text not null,
  signature          text,
  title              text not null,
  joined_run_id      uuid not null,
  joined_at          timestamptz not null default clock_timestamp(),
  joined_told        boolean not null default false,
  left_validation_id uuid,
  left_run_id        uuid,
  left_at            timestamptz,
  left_told          boolean not null default false,
  primary key (news_id, validation_id),
  check ((left_at is null) = (left_run_id is null)),
  check (left_at is not null or not left_told)
);
-- A repository is broken once.
create unique index news_repositories_open on news_repositories (deployment, organization, repository_name)
  where left_at is null;

create table news_deliveries (
  delivery_id   bigint generated always as identity primary key,
  news_id       bigint not null references news on delete cascade,
  channel       news_channel not null,
  kind          delivery_kind not null,
  number        integer not null check (number >= 1 and (kind = 'update' or number = 1)),
  address       jsonb not null,
  message       jsonb not null,
  created_at    timestamptz not null default clock_timestamp(),
  due_at        timestamptz not null default clock_timestamp(),
  claimed_until timestamptz,  -- somebody is sending it
  attempts      integer not null default 0,
  delivered_at  timestamptz,
  given_up_at   timestamptz,
  external_ref  text,  -- what the channel calls it: a thread, an issue
  last_error    text,
  unique (news_id, channel, kind, number),
  check (delivered_at is null or given_up_at is null)
);
create index news_deliveries_waiting on news_deliveries (due_at) where delivered_at is null and given_up_at is null;
create index news_deliveries_given_up on news_deliveries (given_up_at) where given_up_at is not null;

grant select on news, news_repositories, news_deliveries to janitor_read, janitor_write;
grant insert, update on news, news_repositories, news_deliveries to janitor_write;
