-- Shards of maintenance and the repairs that they make. No cause of a repository is worked on twice at once.

set local search_path = janitor;

create type shard_state as enum ('pending', 'running', 'completed', 'failed', 'skipped');
create type repair_state as enum (
  'proposed', 'proving', 'proven', 'disproven', 'inconclusive', 'abstained', 'blocked', 'published', 'superseded',
  'rejected');

create table shard_status (
  deployment           text not null check (length(deployment) between 1 and 100),
  -- `run/organization/name/signature`, the signature by its first eight characters.
  shard_id             text not null check (length(shard_id) between 1 and 1000),
  run_id               text not null check (length(run_id) between 1 and 500),
  -- Where a run of the DAG does the work; null: a process of `janitor maintain`.
  airflow_run_id       text,
  repository           text not null check (length(repository) between 3 and 500),
  source_validation_id uuid not null references repository_validations on delete cascade,
  signature            text not null check (length(signature) between 1 and 100),
  -- The shard that goes first where repositories share a cause; null: this one waits for none.
  canary_of            text,
  status               shard_state not null default 'pending',
  attempt              integer not null default 0 check (attempt >= 0),
  -- Who works on it, or did last, and under which lease.
  worker_id            text check (length(worker_id) between 1 and 500),
  lease_id             uuid references workspace_leases,
  fence                bigint,
  created_at           timestamptz not null default clock_timestamp(),
  started_at           timestamptz,
  completed_at         timestamptz,
  updated_at           timestamptz not null default clock_timestamp(),
  error_message        text check (length(error_message) between 1 and 2000),
  -- How its repair ended, or why there is nothing to do.
  outcome              text check (length(outcome) between 1 and 500),
  cost_usd             numeric(12, 6) check (cost_usd >= 0),
  artefact_prefix      text,
  primary key (deployment, shard_id),
  check ((status in ('completed', 'failed', 'skipped')) = (completed_at is not null)),
  check ((status = 'failed') = (error_message is not null)),
  check ((lease_id is null) = (fence is null)),
  check (status <> 'running' or (started_at is not null and lease_id is not null)),
  check (canary_of <> shard_id)
);
-- The claim: whoever writes the row works on the cause.
create unique index shard_status_one_live on shard_status (deployment, repository, signature)
  where status in ('pending', 'running');
create index shard_status_of_run on shard_status (deployment, run_id);
create index shard_status_latest on shard_status (deployment, updated_at desc);

create table repairs (
  repair_id             uuid primary key,
  deployment            text not null check (length(deployment) between 1 and 100),
  shard_id              text not null,
  repository            text not null check (length(repository) between 3 and 500),
  signature             text not null check (length(signature) between 1 and 100),
  base_validation_id    uuid not null references repository_validations on delete cascade,
  base_commit           text not null,
  -- `recipe` or `agent`, and which; null: nobody proposed anything.
  proposed_by           text check (proposed_by in ('recipe', 'agent')),
  name                  text check (length(name) between 1 and 200),
  summary               text check (length(summary) between 1 and 500),
  root_cause            text check (length(root_cause) between 1 and 2000),
  evidence              jsonb not null default '[]',
  patch                 text check (length(patch) between 1 and 200000),
  patch_sha256          text check (patch_sha256 ~ '^[0-9a-f]{64}$'),
  files                 integer check (files >= 0),
  lines                 integer check (lines >= 0),
  state                 repair_state not null,
  -- Why it is blocked, abstained, disproven or inconclusive, in a line.
  reason                text check (length(reason) between 1 and 1000),
  proof_validation_id   uuid,
  control_validation_id uuid,
  published_as          text check (length(published_as) between 1 and 100),
  url                   text check (length(url) between 1 and 2000),
  cost_usd              numeric(12, 6) check (cost_usd >= 0),
  -- Of the lease under which it was written last.
  fence                 bigint not null,
  created_at            timestamptz not null default clock_timestamp(),
  updated_at            timestamptz not null default clock_timestamp(),
  published_at          timestamptz,
  foreign key (deployment, shard_id) references shard_status on delete cascade,
  check ((patch is null) = (patch_sha256 is null)),
  check ((patch is null) = (proposed_by is null)),
  check ((state = 'abstained') = (patch is null)),
  check (state not in ('blocked', 'abstained') or reason is not null),
  check (state <> 'published' or (published_as is not null and published_at is not null))
);
-- One at a time, and none beside one that people have already.
create unique index repairs_one_live on repairs (deployment, repository, signature)
  where state in ('proposed', 'proving', 'proven', 'published');
create index repairs_of_shard on repairs (deployment, shard_id);
create index repairs_of_repository on repairs (deployment, repository, created_at desc);

insert into allowed_transitions values
  ('shard', 'pending', 'running'), ('shard', 'pending', 'failed'), ('shard', 'pending', 'skipped'),
  ('shard', 'running', 'completed'), ('shard', 'running', 'failed'), ('shard', 'running', 'skipped'),
  ('repair', 'proposed', 'proving'), ('repair', 'proposed', 'inconclusive'), ('repair', 'proposed', 'superseded'),
  ('repair', 'proving', 'proven'), ('repair', 'proving', 'disproven'), ('repair', 'proving', 'inconclusive'),
  ('repair', 'proven', 'published'), ('repair', 'proven', 'superseded'), ('repair', 'proven', 'rejected'),
  ('repair', 'published', 'superseded'), ('repair', 'published', 'rejected');
create trigger shard_transition before update of status on shard_status
  for each row execute function refuse_wrong_transition('shard', 'status');
create trigger repair_transition before update of state on repairs
  for each row execute function refuse_wrong_transition('repair', 'state');

-- A holder that lost its shard writes nothing over what a newer one wrote.
create function keep_newer_fence() returns trigger language plpgsql set search_path = janitor as $$
begin
  if new.fence < old.fence then
    raise exception 'fence % is older than %', new.fence, old.fence
      using errcode = 'check_violation', constraint = 'fence_is_older';
  end if;
  new.updated_at := clock_timestamp();
  return new;
end $$;
create trigger shard_fence before update on shard_status for each row execute function keep_newer_fence();
create trigger repair_fence before update on repairs for each row execute function keep_newer_fence();

grant select on shard_status, repairs to janitor_read, janitor_write;
-- What a shard is of, and what a repair changes, stays as it was written.
grant insert, update (status, attempt, worker_id, lease_id, fence, started_at, completed_at, updated_at, error_message,
                      outcome, cost_usd, artefact_prefix, canary_of) on shard_status to janitor_write;
grant insert, update (state, reason, proof_validation_id, control_validation_id, published_as, url, cost_usd, fence,
                      updated_at, published_at) on repairs to janitor_write;
