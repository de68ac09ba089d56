-- Leases of runs and of working trees. Two holders of one can't be written down, and no tree has the path of another.

set local search_path = janitor;

create type lease_kind as enum ('run', 'workspace');
create type lease_state as enum ('held', 'released', 'fenced', 'quarantined');

create sequence lease_fences as bigint;

create table workspace_leases (
  lease_id         uuid primary key,
  -- Given by a trigger: it grows with each lease, whoever writes.
  fence            bigint not null unique,
  deployment       text not null check (length(deployment) between 1 and 100),
  kind             lease_kind not null,
  run_id           text not null check (length(run_id) between 1 and 500),
  -- The repository's address.
  workspace_key    text check (length(workspace_key) between 1 and 2000),
  -- Where trees of this run are; the tree is below it.
  folder           text check (length(folder) between 1 and 3000),
  path             text unique generated always as (folder || '/' || lease_id::text || '.' || fence::text) stored,
  -- The process; see domain/workspace/holder.py.
  holder_host      text not null,
  machine_id       text not null,
  boot_id          text not null,
  pid_namespace    bigint not null,
  pid              integer not null check (pid > 0),
  pid_started      bigint not null,
  instance_id      text,
  task             text,
  state            lease_state not null default 'held',
  acquired_at      timestamptz not null default clock_timestamp(),
  renewed_at       timestamptz not null default clock_timestamp(),
  expires_at       timestamptz not null,
  ended_at         timestamptz,
  ended_by         text check (length(ended_by) between 1 and 500),
  -- Work that was in the tree and in no commit, kept before the tree was removed: from the folder of the run.
  patch_path       text,
  patch_sha256     text check (patch_sha256 ~ '^[0-9a-f]{64}$'),
  tree_removed_at  timestamptz,
  check ((kind = 'workspace') = (workspace_key is not null)),
  check ((kind = 'workspace') = (folder is not null)),
  check ((state = 'held') = (ended_at is null)),
  check ((ended_at is null) = (ended_by is null)),
  check (expires_at > renewed_at),
  check ((patch_path is null) = (patch_sha256 is null))
);
create unique index workspace_leases_one_workspace on workspace_leases (deployment, run_id, workspace_key)
  where kind = 'workspace' and state = 'held';
create unique index workspace_leases_one_run on workspace_leases (deployment, run_id)
  where kind = 'run' and state = 'held';
-- What a sweep looks at.
create index workspace_leases_open on workspace_leases (deployment)
  where state = 'held' or (path is not null and tree_removed_at is null);

-- One at a time leases a subject, until its transaction ends: else a lower fence could be written after a higher one.
create function take_lease_turn(deployment text, run_id text, workspace_key text) returns void language sql as $$
  select pg_advisory_xact_lock(hashtextextended(
    format('janitor-lease/%s/%s/%s', to_json(deployment), to_json(run_id), to_json(coalesce(workspace_key, ''))), 0));
$$;

create function give_lease_fence() returns trigger language plpgsql set search_path = janitor as $$
begin
  perform take_lease_turn(new.deployment, new.run_id, new.workspace_key);
  if new.state <> 'held' then
    raise exception 'a lease begins as held' using errcode = 'check_violation', constraint = 'lease_begins_held';
  end if;
  new.fence := nextval('lease_fences');
  return new;
end $$;
create trigger workspace_lease_fence before insert on workspace_leases
  for each row execute function give_lease_fence();

-- What has ended, or whose time is over, is not renewed.
create function keep_lease_time() returns trigger language plpgsql set search_path = janitor as $$
begin
  if new.expires_at is distinct from old.expires_at
     and (old.state <> 'held' or new.state <> 'held' or old.expires_at <= clock_timestamp()) then
    raise exception 'lease % is over' , old.lease_id using errcode = 'check_violation', constraint = 'lease_is_over';
  end if;
  return new;
end $$;
create trigger workspace_lease_time before update of expires_at on workspace_leases
  for each row execute function keep_lease_time();

insert into allowed_transitions values
  ('lease', 'held', 'released'), ('lease', 'held', 'fenced'), ('lease', 'held', 'quarantined'),
  ('lease', 'quarantined', 'fenced');
create trigger workspace_lease_transition before update of state on workspace_leases
  for each row execute function refuse_wrong_transition('lease', 'state');

grant select on workspace_leases to janitor_read, janitor_write;
-- Neither the fence nor the path nor whose a lease is can be changed afterwards.
grant insert, update (renewed_at, expires_at, state, ended_at, ended_by, patch_path, patch_sha256, tree_removed_at)
  on workspace_leases to janitor_write;
grant usage on sequence lease_fences to janitor_write;
