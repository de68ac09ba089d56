-- Runs, validations, reports, checks and the launch ledger.

create schema if not exists janitor;
set local search_path = janitor;

do $$
begin
  -- Roles belong to the cluster, not to the database: another deployment may have made them already.
  if not exists (select from pg_roles where rolname = 'janitor_write') then
    create role janitor_write nologin;
  end if;
  if not exists (select from pg_roles where rolname = 'janitor_read') then
    create role janitor_read nologin;
  end if;
exception when duplicate_object or unique_violation then
  null;  -- made by somebody else between the look and the creation
end $$;

create type run_status as enum ('running', 'success', 'failed', 'error', 'cancelled');
create type validation_status as enum (
  'queued', 'launching', 'running', 'success', 'failed', 'error', 'timed_out', 'incomplete', 'cancelled');
create type instance_state as enum (
  'intent', 'pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated', 'not_launched');
create type termination_reason as enum (
  'finished', 'timeout', 'launch_failed', 'instance_lost', 'run_teardown', 'operator_kill', 'cancelled', 'orphan');
create type check_status as enum ('pass', 'fail', 'skip', 'error');
create type watch_outcome as enum ('command_finished', 'time_up', 'instance_lost', 'never_online');

create table validation_runs (
  run_id                   uuid primary key,
  deployment               text not null,
  airflow_run_id           text not null,
  trigger                  text not null,
  config_file_path         varchar(255) not null,
  config_sha256            text not null,
  total_repositories       integer not null check (total_repositories > 0),
  timeout_minutes          numeric(8, 3) not null default 30 check (timeout_minutes > 0),
  max_concurrent_instances integer not null check (max_concurrent_instances > 0),
  status                   run_status not null default 'running',
  status_reason            text,
  started_at               timestamptz not null default now(),
  completed_at             timestamptz,
  unique (deployment, airflow_run_id),
  check ((status = 'running') = (completed_at is null))
);
create index validation_runs_running on validation_runs (deployment, started_at desc) where status = 'running';

create table repository_validations (
  validation_id      uuid primary key,
  run_id             uuid not null references validation_runs on delete cascade,
  repository_index   integer not null check (repository_index >= 0),
  repository_name    text not null,
  organization       text not null,
  url                text not null,
  ref                text,
  custom_prompt      text not null,
  gpu_required       boolean not null,
  timeout_minutes    numeric(8, 3) not null check (timeout_minutes > 0),
  grace_minutes      numeric(8, 3) not null check (grace_minutes >= 0),
  plan               jsonb not null,
  status             validation_status not null default 'queued',
  status_reason_code text,
  status_summary     text,
  failing_check      text,
  instance_id        varchar(50),
  command_id         text,
  watch_outcome      watch_outcome,
  command_status     text,
  command_exit_code  integer,
  commit_sha         text,
  engine             text,
  build_succeeded     boolean,
  container_succeeded boolean,
  gpu_available       boolean,
  cuda_detected       boolean,
  timeout_enforced   boolean not null default false,
  created_at         timestamptz not null default now(),
  launched_at        timestamptz,
  running_at         timestamptz,
  deadline_at        timestamptz,
  finished_at        timestamptz,
  log_stream         text,
  unique (run_id, repository_index),
  unique (run_id, organization, repository_name),
  check ((finished_at is not null) = (status not in ('queued', 'launching', 'running'))),
  check (status <> 'success' or commit_sha is not null)
);
create index repository_validations_by_repository on repository_validations (repository_name, created_at desc);

-- The launch ledger. A row is committed before RunInstances is called, and holds one of the deployment's concurrent
-- places until EC2 says that the instance is terminated (or that there never was one).
create table instances (
  ledger_id          bigint generated always as identity primary key,
  validation_id      uuid not null references repository_validations on delete restrict,
  run_id             uuid not null references validation_runs on delete restrict,
  deployment         text not null,
  generation         integer not null check (generation >= 1),
  client_token       text not null unique,
  tags               jsonb not null,
  instance_id        varchar(50) unique,
  instance_type      text not null,
  market             text not null,
  availability_zone  text,
  state              instance_state not null default 'intent',
  termination_reason termination_reason,
  termination_detail text,
  intent_at          timestamptz not null default now(),
  deadline_at        timestamptz not null,
  launched_at        timestamptz,
  ended_at           timestamptz,
  unique (validation_id, generation),
  check (state in ('intent', 'not_launched') or instance_id is not null),
  check ((ended_at is not null) = (state in ('terminated', 'not_launched'))),
  check (ended_at is null or termination_reason is not null)
);
-- At most one live instance for a validation, whoever launches.
create unique index instances_one_live on instances (validation_id) where state not in ('terminated', 'not_launched');
create index instances_live on instances (deployment) where state not in ('terminated', 'not_launched');
create index instances_of_run on instances (run_id);

create table instance_state_changes (
  ledger_id   bigint not null references instances on delete cascade,
  from_state  instance_state,
  to_state    instance_state not null,
  observed_at timestamptz not null default clock_timestamp(),
  primary key (ledger_id, to_state, observed_at)
);

create table validation_reports (
  validation_id  uuid primary key references repository_validations on delete cascade,
  format         text not null,
  storage_key    text not null,
  sha256         text not null,
  partial        boolean not null,
  report         jsonb not null,
  received_at    timestamptz not null default now()
);

create table checks (
  validation_id    uuid not null references repository_validations on delete cascade,
  position         integer not null check (position >= 0),
  name             text not null,
  status           check_status not null,
  required         boolean not null,
  reason_code      text,
  reason           text,
  started_at       timestamptz,
  duration_seconds double precision check (duration_seconds >= 0),
  exit_code        integer,
  primary key (validation_id, position),
  unique (validation_id, name),
  check (status = 'pass' or reason is not null)
);

-- Transition rules. They are data, so that one trigger function serves the three tables and a test can compare them
-- with the code's.
create table allowed_transitions (
  machine    text not null,
  from_state text not null,
  to_state   text not null,
  primary key (machine, from_state, to_state)
);
insert into allowed_transitions
  select 'run', 'running', t from unnest(array['success', 'failed', 'error', 'cancelled']) t;
insert into allowed_transitions
  select 'validation', f, t
  from unnest(array['queued', 'launching', 'running']) f,
       unnest(array['success', 'failed', 'error', 'timed_out', 'incomplete', 'cancelled']) t;
insert into allowed_transitions values
  ('validation', 'queued', 'launching'), ('validation', 'launching', 'running'), ('validation', 'running', 'launching');
insert into allowed_transitions
  select 'instance', f, t
  from unnest(array['intent', 'pending', 'running', 'stopping', 'stopped']) f,
       unnest(array['shutting-down', 'terminated']) t;
insert into allowed_transitions values
  ('instance', 'intent', 'pending'), ('instance', 'intent', 'running'), ('instance', 'intent', 'not_launched'),
  ('instance', 'pending', 'running'), ('instance', 'pending', 'stopping'), ('instance', 'pending', 'stopped'),
  ('instance', 'running', 'stopping'), ('instance', 'running', 'stopped'),
  ('instance', 'stopping', 'stopped'), ('instance', 'stopped', 'pending'), ('instance', 'stopped', 'running'),
  ('instance', 'shutting-down', 'terminated');

create function refuse_wrong_transition() returns trigger language plpgsql
  set search_path = janitor as $$
declare
  old_state text := to_jsonb(old) ->> tg_argv[1];
  new_state text := to_jsonb(new) ->> tg_argv[1];
begin
  if old_state is distinct from new_state and not exists (
      select from allowed_transitions t
      where t.machine = tg_argv[0] and t.from_state = old_state and t.to_state = new_state) then
    raise exception 'a % may not go from % to %', tg_argv[0], old_state, new_state
      using errcode = 'check_violation', constraint = tg_argv[0] || '_transition';
  end if;
  return new;
end $$;

create trigger run_transition before update of status on validation_runs
  for each row execute function refuse_wrong_transition('run', 'status');
create trigger validation_transition before update of status on repository_validations
  for each row execute function refuse_wrong_transition('validation', 'status');
create trigger instance_transition before update of state on instances
  for each row execute function refuse_wrong_transition('instance', 'state');

-- Every observed change is kept, whoever makes it.
create function keep_instance_state_change() returns trigger language plpgsql
  set search_path = janitor as $$
begin
  if tg_op = 'INSERT' then
    insert into instance_state_changes (ledger_id, from_state, to_state) values (new.ledger_id, null, new.state);
  elsif new.state is distinct from old.state then
    insert into instance_state_changes (ledger_id, from_state, to_state) values (new.ledger_id, old.state, new.state);
  end if;
  return null;
end $$;
create trigger instance_state_kept after insert or update of state on instances
  for each row execute function keep_instance_state_change();

grant usage on schema janitor to janitor_write, janitor_read;
grant select, insert, update, delete on validation_runs, repository_validations, validation_reports, checks
  to janitor_write;
grant select, insert, update on instances to janitor_write;
grant select, insert on instance_state_changes to janitor_write;
grant select on allowed_transitions to janitor_write;
