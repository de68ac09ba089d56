-- Placement, prices, budgets, leases, the reaper's memory, and what the killers outside Airflow report.

set local search_path = janitor;

alter type termination_reason add value 'overdue';
alter type termination_reason add value 'lease_expired';
alter type termination_reason add value 'spot_interrupted';
alter type termination_reason add value 'guest_timer';
alter type termination_reason add value 'external_timer';
alter type termination_reason add value 'external_reaper';
alter type watch_outcome add value 'spot_interrupted';

create type placement_result as enum (
  'pending', 'launched', 'capacity', 'quota', 'price', 'throttled', 'permission', 'config', 'unknown');
create type instance_origin as enum ('launched', 'adopted');
create type reservation_kind as enum ('validation', 'lease');
create type reap_evidence as enum (
  'overdue', 'lease_expired', 'validation_over', 'unknown_owner', 'stopped');
create type reaper_action as enum (
  'marked', 'cleared', 'adopted', 'terminated', 'would_terminate', 'validation_settled', 'run_closed', 'timer_armed',
  'notice_taken');
create type notice_kind as enum ('terminated', 'spot_warning');

alter table validation_runs
  add column max_run_cost_usd numeric(12, 4) check (max_run_cost_usd > 0),
  add column daily_budget_usd numeric(12, 4) check (daily_budget_usd > 0);

-- An instance that EC2 shows and the ledger doesn't know is adopted: it has no validation of ours.
alter table instances
  alter column validation_id drop not null,
  alter column run_id drop not null,
  add column origin instance_origin not null default 'launched',
  add column expires_at timestamptz,                    -- deadline and grace: from then on every killer ends it
  add column keep_until timestamptz,                    -- a debug lease puts the end off
  add column subnet_id text,
  add column launch_parameters jsonb not null default '{}',  -- the same token must come with the same parameters
  add column price_usd_hour numeric(12, 6) check (price_usd_hour >= 0),
  add column volume_gib integer check (volume_gib >= 0),
  add column volume_usd_gib_month numeric(12, 6) check (volume_usd_gib_month >= 0),
  add column state_reason text,                         -- EC2's own code for why it ended
  add column given_up_at timestamptz,                   -- its validation goes on with another instance
  add column command_started_at timestamptz,
  add column command_ended_at timestamptz,
  add check (origin = 'adopted' or (validation_id is not null and run_id is not null));
update instances set expires_at = deadline_at;
alter table instances alter column expires_at set not null;

alter table validation_reports add column ledger_id bigint references instances;

create table placement_attempts (
  ledger_id         bigint primary key references instances on delete cascade,
  validation_id     uuid not null references repository_validations on delete cascade,
  round             integer not null check (round >= 1),
  position          integer not null check (position >= 0),
  instance_type     text not null,
  market            text not null,
  subnet_id         text,
  availability_zone text,
  result            placement_result not null default 'pending',
  aws_code          text,
  aws_message       text,
  started_at        timestamptz not null default clock_timestamp(),
  ended_at          timestamptz,
  check ((result = 'pending') = (ended_at is null)),
  check (result in ('pending', 'launched') or aws_code is not null)
);
create index placement_attempts_of_validation on placement_attempts (validation_id);
create index placement_attempts_recent on placement_attempts (started_at desc);

create table budget_reservations (
  reservation_id bigint generated always as identity primary key,
  deployment     text not null,
  kind           reservation_kind not null,
  run_id         uuid references validation_runs on delete restrict,
  validation_id  uuid references repository_validations on delete restrict,
  ledger_id      bigint references instances on delete restrict,
  day            date not null,                          -- in UTC
  reserved_usd   numeric(12, 4) not null check (reserved_usd >= 0),
  spent_usd      numeric(12, 4) check (spent_usd >= 0),
  created_at     timestamptz not null default clock_timestamp(),
  released_at    timestamptz,
  check ((released_at is null) = (spent_usd is null)),
  check (case kind when 'validation' then validation_id is not null else ledger_id is not null end)
);
create unique index budget_reservations_once on budget_reservations (validation_id) where kind = 'validation';
create index budget_reservations_by_day on budget_reservations (deployment, day);

create table budget_refusals (
  deployment     text not null,
  airflow_run_id text not null,
  refused_at     timestamptz not null default clock_timestamp(),
  wanted_usd     numeric(12, 4) not null,
  run_limit_usd  numeric(12, 4),
  day_left_usd   numeric(12, 4),
  message        text not null,
  primary key (deployment, airflow_run_id)
);

create table keep_leases (
  lease_id       bigint generated always as identity primary key,
  ledger_id      bigint not null references instances on delete cascade,
  reservation_id bigint references budget_reservations,
  requested_by   text not null,
  requested_at   timestamptz not null default clock_timestamp(),
  keep_until     timestamptz not null
);
create index keep_leases_of_instance on keep_leases (ledger_id);

-- A person's word that the cause of repeated launch failures is gone. Scope: '*', or organization/name.
create table breaker_closures (
  deployment text not null,
  scope      text not null,
  closed_by  text not null,
  closed_at  timestamptz not null default clock_timestamp(),
  primary key (deployment, scope, closed_at)
);

create table reap_marks (
  deployment    text not null,
  instance_id   varchar(50) not null,
  evidence      reap_evidence not null,
  strikes       integer not null default 1 check (strikes >= 1),
  first_seen_at timestamptz not null default clock_timestamp(),
  last_seen_at  timestamptz not null default clock_timestamp(),
  primary key (deployment, instance_id)
);

create table reaper_events (
  event_id    bigint generated always as identity primary key,
  deployment  text not null,
  happened_at timestamptz not null default clock_timestamp(),
  action      reaper_action not null,
  instance_id varchar(50),
  subject     text,                                      -- a validation, a run or a notice, where it isn't an instance
  evidence    reap_evidence,
  detail      text
);
create index reaper_events_recent on reaper_events (deployment, happened_at desc);

-- What the killers outside Airflow left word of; the storage key makes taking it twice harmless.
create table external_notices (
  storage_key text primary key,
  deployment  text not null,
  kind        notice_kind not null,
  instance_id varchar(50) not null,
  noticed_at  timestamptz not null,
  detail      jsonb not null default '{}',
  taken_at    timestamptz not null default clock_timestamp()
);
create index external_notices_of_instance on external_notices (instance_id);

drop view live_instances;
create view live_instances as
select i.ledger_id, i.deployment, i.instance_id, i.state, i.instance_type, i.market, i.availability_zone, i.run_id,
       i.validation_id, i.origin, coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       i.intent_at, i.launched_at, i.deadline_at, i.expires_at, i.keep_until, i.price_usd_hour,
       coalesce(greatest(i.expires_at, i.keep_until), i.expires_at) < now() as overdue
from instances i left join repository_validations v using (validation_id)
where i.state not in ('terminated', 'not_launched');

grant select on all tables in schema janitor to janitor_read, janitor_write;
grant insert, update on placement_attempts, budget_reservations, keep_leases to janitor_write;
grant insert on budget_refusals, breaker_closures, reaper_events, external_notices to janitor_write;
grant insert, update, delete on reap_marks to janitor_write;
