-- The pool: workers that stay warm, the tasks that they claim, and why their number is what it is.
-- A worker's machine is an instance of the ledger that belongs to it; a worker on a host of our own has none there.

set local search_path = janitor;

alter type termination_reason add value 'idle';
alter type termination_reason add value 'drained';
alter type termination_reason add value 'recycled';
alter type termination_reason add value 'lost_worker';
alter type termination_reason add value 'quarantined';
alter type termination_reason add value 'spawn_timeout';

create type pool_provider as enum ('ec2', 'runpod', 'local');
create type worker_state as enum (
  'requested', 'spawning', 'ready', 'busy', 'draining', 'lost', 'quarantined', 'terminating', 'terminated', 'failed');
create type worker_end as enum (
  'idle', 'drained', 'recycled', 'other_trust', 'lost', 'quarantined', 'spawn_timeout', 'spawn_failed', 'stopped',
  'operator');
create type task_kind as enum ('validation', 'probe');
create type task_state as enum ('queued', 'claimed', 'running', 'done', 'failed', 'expired', 'cancelled');

create table workers (
  -- Never used again, whatever becomes of the worker.
  worker_id          uuid primary key,
  deployment         text not null check (length(deployment) between 1 and 100),
  pool               text not null check (length(pool) between 1 and 100),
  provider           pool_provider not null,
  state              worker_state not null default 'requested',
  -- What it has to offer, for tasks that ask for something.
  offers             jsonb not null default '{}'
                     check (jsonb_typeof(offers) = 'object' and length(offers::text) <= 10000),
  -- Of its last claim; null: it has had none.
  last_fence         bigint,
  -- With whose tasks it may be shared from now on; null: with anybody's, unless it is for one task alone.
  trust_domain       text check (length(trust_domain) between 1 and 500),
  is_single_use      boolean not null default false,
  requested_at       timestamptz not null default clock_timestamp(),
  ready_at           timestamptz,
  last_alive_at      timestamptz,
  suspect_since      timestamptz,
  surplus_since      timestamptz,
  last_task_ended_at timestamptz,
  tasks_done         integer not null default 0 check (tasks_done >= 0),
  drain_reason       text check (length(drain_reason) between 1 and 1000),
  drain_deadline_at  timestamptz,
  end_wanted         worker_end,
  -- Since when nothing comes of it any more: whoever finds its machine alive then may end that.
  over_since         timestamptz,
  ended_at           timestamptz,
  end_reason         worker_end,
  constraint workers_over check (
    (over_since is not null) = (state in ('lost', 'quarantined', 'terminating', 'terminated', 'failed'))),
  constraint workers_ended check ((ended_at is not null) = (state in ('terminated', 'failed'))),
  constraint workers_end_has_reason check ((over_since is not null) = (end_reason is not null)),
  constraint workers_ready check (state not in ('ready', 'busy') or ready_at is not null),
  constraint workers_draining check (
    state <> 'draining' or (drain_deadline_at is not null and end_wanted is not null)),
  constraint workers_one_trust check (not is_single_use or trust_domain is null)
);
create index workers_live on workers (deployment, pool) where ended_at is null;
create index workers_ended_lately on workers (deployment, ended_at desc) where ended_at is not null;

-- Grows with each claim, whoever claims.
create sequence task_fences as bigint;

create table tasks (
  task_id          uuid primary key,
  deployment       text not null check (length(deployment) between 1 and 100),
  pool             text not null check (length(pool) between 1 and 100),
  kind             task_kind not null,
  validation_id    uuid references repository_validations on delete cascade,
  -- No secret is in it.
  spec             jsonb not null default '{}' check (jsonb_typeof(spec) = 'object'),
  -- Null: it needs a worker of its own.
  trust_domain     text check (length(trust_domain) between 1 and 500),
  requires         jsonb not null default '{}' check (jsonb_typeof(requires) = 'object'),
  -- The higher the sooner.
  priority         integer not null default 0,
  state            task_state not null default 'queued',
  worker_id        uuid references workers,
  fence            bigint unique,
  attempts         integer not null default 0,
  max_attempts     integer not null default 3 check (max_attempts >= 1),
  -- How long it may take from its first claim on, whoever has it.
  time_limit       interval not null check (time_limit > interval '0'),
  not_before       timestamptz,
  queued_at        timestamptz not null default clock_timestamp(),
  claimed_at       timestamptz,
  started_at       timestamptz,
  lease_until      timestamptz,
  deadline_at      timestamptz,
  last_progress_at timestamptz,
  ended_at         timestamptz,
  reason_code      text check (length(reason_code) between 1 and 100),
  -- What a worker says of its work: a stranger's word.
  result           jsonb check (length(result::text) <= 100000),
  constraint tasks_held check (
    (state in ('claimed', 'running')) = (fence is not null)
    and (fence is null) = (worker_id is null)
    and (fence is null) = (lease_until is null)
    and (fence is null) = (claimed_at is null)
    and (fence is null or deadline_at is not null)),
  constraint tasks_running check ((state = 'running') = (started_at is not null)),
  constraint tasks_ended check ((state in ('done', 'failed', 'expired', 'cancelled')) = (ended_at is not null)),
  constraint tasks_failed check (state <> 'failed' or reason_code is not null),
  constraint tasks_attempts check (attempts between 0 and max_attempts),
  constraint tasks_subject check ((kind = 'validation') = (validation_id is not null))
);
create unique index tasks_one_open on tasks (validation_id) where ended_at is null;
create index tasks_of_validation on tasks (validation_id);
-- A worker has one at a time.
create unique index tasks_one_held on tasks (worker_id) where worker_id is not null;
create index tasks_queued on tasks (deployment, pool, priority desc, queued_at, task_id) where state = 'queued';
create index tasks_leases on tasks (deployment, lease_until) where lease_until is not null;
create index tasks_ended_lately on tasks (deployment, ended_at desc) where ended_at is not null;

-- Each claim, for good: who had which task, as the how-manieth of its own, and what became of that.
create table task_claims (
  fence      bigint primary key,
  task_id    uuid not null references tasks on delete cascade,
  worker_id  uuid not null references workers,
  -- Of the task; one that was given back without blame counts anew.
  attempt    integer not null,
  -- Of the worker.
  ordinal    integer not null,
  claimed_at timestamptz not null,
  started_at timestamptz,
  ended_at   timestamptz,
  -- `queued`: it was given back, or its lease was over.
  ended_as   task_state,
  check ((ended_at is null) = (ended_as is null))
);
create index task_claims_of_task on task_claims (task_id, fence);
create index task_claims_of_worker on task_claims (worker_id, fence);

create table pool_decisions (
  decision_id bigint generated always as identity primary key,
  decided_at  timestamptz not null default clock_timestamp(),
  deployment  text not null check (length(deployment) between 1 and 100),
  pool        text not null check (length(pool) between 1 and 100),
  -- What was seen.
  inputs      jsonb not null,
  actions     jsonb not null check (jsonb_typeof(actions) = 'array'),
  why         text not null check (length(why) between 1 and 2000)
);
create index pool_decisions_latest on pool_decisions (deployment, pool, decision_id desc);
create index pool_decisions_by_age on pool_decisions (deployment, decided_at);

-- A person's word, which wins over the configuration.
create table pool_stops (
  deployment text not null check (length(deployment) between 1 and 100),
  pool       text not null check (length(pool) between 1 and 100),
  stopped_at timestamptz not null default clock_timestamp(),
  stopped_by text not null check (length(stopped_by) between 1 and 500),
  primary key (deployment, pool)
);

-- A turn on a worker's machine: under which claim, and the how-manieth turn of its validation it is, whoever's machine.
alter table turns add column fence bigint, add column number integer check (number >= 1);
create unique index turns_once_per_number on turns (validation_id, number) where number is not null;

insert into allowed_transitions values
  ('worker', 'requested', 'spawning'), ('worker', 'requested', 'failed'),
  ('worker', 'spawning', 'ready'), ('worker', 'spawning', 'failed'),
  ('worker', 'ready', 'busy'), ('worker', 'ready', 'draining'),
  ('worker', 'busy', 'ready'), ('worker', 'busy', 'draining'),
  ('worker', 'lost', 'terminating'), ('worker', 'quarantined', 'terminating'), ('worker', 'terminating', 'terminated');
insert into allowed_transitions
  select 'worker', f, t
  from unnest(array['spawning', 'ready', 'busy', 'draining']) f, unnest(array['lost', 'quarantined', 'terminating']) t;
insert into allowed_transitions values
  ('task', 'queued', 'claimed'), ('task', 'claimed', 'running'), ('task', 'claimed', 'queued'),
  ('task', 'running', 'queued');
insert into allowed_transitions
  select 'task', f, t
  from unnest(array['queued', 'claimed', 'running']) f, unnest(array['done', 'failed', 'expired', 'cancelled']) t;
create trigger worker_transition before update of state on workers
  for each row execute function refuse_wrong_transition('worker', 'state');
create trigger task_transition before update of state on tasks
  for each row execute function refuse_wrong_transition('task', 'state');

-- Instants follow from the state, whoever writes it. The first reason of an end is the true one.
create function keep_worker_instants() returns trigger language plpgsql set search_path = janitor as $$
begin
  if new.state = 'ready' then
    new.ready_at := coalesce(new.ready_at, clock_timestamp());
  end if;
  if new.state in ('lost', 'quarantined', 'terminating', 'terminated', 'failed') then
    new.over_since := coalesce(new.over_since, clock_timestamp());
    new.end_reason := coalesce(new.end_reason, new.end_wanted);
  end if;
  if new.state in ('terminated', 'failed') then
    new.ended_at := coalesce(new.ended_at, clock_timestamp());
  end if;
  return new;
end $$;
create trigger worker_instants before insert or update of state on workers
  for each row execute function keep_worker_instants();

-- What isn't held has no holder; what is held again has a newer fence.
create function keep_task_instants() returns trigger language plpgsql set search_path = janitor as $$
begin
  if new.state not in ('claimed', 'running') then
    new.worker_id := null;
    new.fence := null;
    new.lease_until := null;
    new.claimed_at := null;
    new.started_at := null;
    new.last_progress_at := null;
  end if;
  if new.state in ('done', 'failed', 'expired', 'cancelled') then
    new.ended_at := coalesce(new.ended_at, clock_timestamp());
  end if;
  return new;
end $$;
create trigger task_instants before update of state on tasks
  for each row execute function keep_task_instants();

create function keep_task_claim() returns trigger language plpgsql set search_path = janitor as $$
begin
  if new.fence is distinct from old.fence then
    if old.fence is not null then
      update task_claims set ended_at = clock_timestamp(), ended_as = new.state, started_at = old.started_at
      where fence = old.fence;
    end if;
    if new.fence is not null then
      insert into task_claims (fence, task_id, worker_id, attempt, ordinal, claimed_at)
      select new.fence, new.task_id, new.worker_id, new.attempts, count(*) + 1, new.claimed_at
      from task_claims where worker_id = new.worker_id;
    end if;
  end if;
  return null;
end $$;
create trigger task_claim_kept after update of state on tasks
  for each row execute function keep_task_claim();

-- Whether what a worker offers is what a task asks for: `min_…` at least so much of it, a list one of these, else just
-- this. What isn't offered isn't there.
create function offers_meet(offers jsonb, requires jsonb) returns boolean language sql immutable parallel safe
  return not exists (
    select from jsonb_each(requires) as wanted (name, value)
    where case when starts_with(wanted.name, 'min_') then
                 coalesce((offers ->> substr(wanted.name, 5))::numeric < (wanted.value #>> '{}')::numeric, true)
               when jsonb_typeof(wanted.value) = 'array' then
                 not coalesce(wanted.value @> (offers -> wanted.name), false)
               else (offers -> wanted.name) is distinct from wanted.value end);

-- The one way to a task. The worker's row is locked first: a drain comes either before, and then nothing is claimed, or
-- after, and then it finds the claim. Not a share lock: two claims for one worker would wait for each other.
-- What has been on this worker before and was given back is for another one, unless it never began there.
create function claim_task(claimer uuid, lease interval) returns setof tasks language sql volatile
  set search_path = janitor
begin atomic
  with claimer_row as materialized (
    select w.worker_id, w.deployment, w.pool, w.offers, w.trust_domain, w.is_single_use
    from workers w
    where w.worker_id = claimer and w.state = 'ready' and w.end_wanted is null
      and (w.provider = 'local' or exists (
        select from instances i
        where i.owner_kind = 'worker' and i.owner_id = w.worker_id and i.state in ('pending', 'running')
          and i.given_up_at is null and i.termination_reason is null))
    for no key update of w
  ), candidate as materialized (
    select t.task_id
    from tasks t join claimer_row w on t.deployment = w.deployment and t.pool = w.pool
    where t.state = 'queued' and t.attempts < t.max_attempts
      and (t.not_before is null or t.not_before <= clock_timestamp())
      and (t.deadline_at is null or t.deadline_at > clock_timestamp())
      and case when t.kind = 'probe' then true
               when t.trust_domain is null then w.trust_domain is null and not w.is_single_use
               else not w.is_single_use and coalesce(w.trust_domain = t.trust_domain, true) end
      and offers_meet(w.offers, t.requires)
    order by t.priority desc, t.queued_at, t.task_id
    limit 1
    for no key update of t skip locked
  ), claimed as (
    update tasks t
    set state = 'claimed', worker_id = claimer, fence = nextval('task_fences'), attempts = t.attempts + 1,
        claimed_at = clock_timestamp(), lease_until = clock_timestamp() + lease,
        deadline_at = coalesce(t.deadline_at, clock_timestamp() + t.time_limit)
    from candidate c
    where t.task_id = c.task_id
    returning t.*
  ), taken as (
    update workers w
    set state = 'busy', last_fence = c.fence, surplus_since = null,
        trust_domain = case when c.kind = 'probe' then w.trust_domain else c.trust_domain end,
        is_single_use = w.is_single_use or (c.kind <> 'probe' and c.trust_domain is null)
    from claimed c
    where w.worker_id = claimer
    returning w.worker_id
  )
  select c.* from claimed c join taken using (worker_id);
end;

-- What a holder may do with its task: nothing once its lease is over, whatever it has heard of that.
create function renew_task(task uuid, holder uuid, held_fence bigint, lease interval) returns boolean language plpgsql
  set search_path = janitor as $$
begin
  update tasks set lease_until = clock_timestamp() + lease
  where task_id = task and worker_id = holder and fence = held_fence and lease_until > clock_timestamp();
  return found;
end $$;

create function progress_task(task uuid, holder uuid, held_fence bigint) returns boolean language plpgsql
  set search_path = janitor as $$
begin
  update tasks
  set state = 'running', started_at = coalesce(started_at, clock_timestamp()), last_progress_at = clock_timestamp()
  where task_id = task and worker_id = holder and fence = held_fence and lease_until > clock_timestamp();
  return found;
end $$;

-- The task's row first, then the worker's, as everywhere but in the claim, which waits for no task.
create function finish_task(task uuid, holder uuid, held_fence bigint, ended task_state, answer jsonb, code text)
  returns boolean language plpgsql set search_path = janitor as $$
begin
  update tasks set state = ended, result = answer, reason_code = code
  where task_id = task and worker_id = holder and fence = held_fence and lease_until > clock_timestamp();
  if not found then
    return false;
  end if;
  update workers set last_task_ended_at = clock_timestamp(), tasks_done = tasks_done + 1 where worker_id = holder;
  return true;
end $$;

-- For people ---------------------------------------------------------------------------------------------------------

create view pool_live as
select w.deployment, w.pool, w.worker_id, w.provider, w.state, w.trust_domain, w.is_single_use, w.tasks_done,
       clock_timestamp() - w.requested_at as age,
       clock_timestamp() - w.last_alive_at as silent_for,
       case when w.state = 'ready' then clock_timestamp() - greatest(w.ready_at, w.last_task_ended_at) end as idle_for,
       t.task_id, t.kind as task_kind, t.state as task_state, t.fence, t.attempts,
       v.organization || '/' || v.repository_name as repository,
       clock_timestamp() - t.claimed_at as task_age, t.lease_until, t.deadline_at as task_deadline_at,
       clock_timestamp() - t.last_progress_at as no_progress_for,
       w.drain_reason, w.drain_deadline_at, w.end_wanted, w.suspect_since, w.over_since, w.end_reason,
       i.ledger_id, i.instance_id, i.instance_type, i.market, i.state as instance_state, i.expires_at, i.keep_until
from workers w
left join tasks t on t.worker_id = w.worker_id
left join repository_validations v using (validation_id)
left join lateral (
  select * from instances i where i.owner_kind = 'worker' and i.owner_id = w.worker_id order by i.generation desc limit 1
) i on true
where w.ended_at is null;

-- What a person should look at. The limits are those of a pool that says nothing else.
create view pool_health as
select w.deployment, w.pool, w.worker_id, null::uuid as task_id, trouble.what, trouble.since
from workers w
cross join lateral (
  select 'suspect' as what, w.suspect_since as since where w.suspect_since is not null
  union all
  select 'stale', coalesce(w.last_alive_at, w.ready_at)
  where w.state in ('ready', 'busy', 'draining')
    and coalesce(w.last_alive_at, w.ready_at) < clock_timestamp() - interval '90 seconds'
  union all
  select 'boots for too long', w.requested_at
  where w.state in ('requested', 'spawning') and w.requested_at < clock_timestamp() - interval '10 minutes'
  union all
  select 'drains for too long', w.drain_deadline_at
  where w.state = 'draining' and w.drain_deadline_at < clock_timestamp()
  union all
  select 'over, and its machine lives', w.over_since
  where w.over_since < clock_timestamp() - interval '5 minutes'
) trouble
where w.ended_at is null
union all
select t.deployment, t.pool, t.worker_id, t.task_id, trouble.what, trouble.since
from tasks t
cross join lateral (
  select 'past its limit' as what, t.deadline_at as since where t.deadline_at < clock_timestamp()
  union all
  select 'lease is over', t.lease_until where t.lease_until < clock_timestamp()
  union all
  select 'no progress', coalesce(t.last_progress_at, t.started_at)
  where coalesce(t.last_progress_at, t.started_at) < clock_timestamp() - interval '15 minutes'
) trouble
where t.ended_at is null;

create view pool_activity as
select w.deployment, w.pool, c.claimed_at as at, 'claimed' as what, c.worker_id, c.task_id, c.fence,
       concat_ws(', ', t.kind, v.organization || '/' || v.repository_name, 'attempt ' || c.attempt,
                 'task ' || c.ordinal || ' of its worker') as detail
from task_claims c
join workers w using (worker_id)
join tasks t using (task_id)
left join repository_validations v using (validation_id)
union all
select w.deployment, w.pool, c.ended_at, case c.ended_as when 'queued' then 'given back' else c.ended_as::text end,
       c.worker_id, c.task_id, c.fence,
       concat_ws(', ', t.kind, v.organization || '/' || v.repository_name,
                 round(extract(epoch from c.ended_at - c.claimed_at)) || ' s', t.reason_code)
from task_claims c
join workers w using (worker_id)
join tasks t using (task_id)
left join repository_validations v using (validation_id)
where c.ended_at is not null
union all
select deployment, pool, requested_at, 'requested', worker_id, null, null, provider::text from workers
union all
select deployment, pool, over_since, 'over', worker_id, null, null,
       concat_ws(', ', end_reason, drain_reason, tasks_done || ' tasks')
from workers where over_since is not null;

-- What a pool's machines cost, by the day of their launch (UTC).
create view pool_cost as
select w.deployment, w.pool, (b.launched_at at time zone 'UTC')::date as day, w.provider,
       count(*) as machines, sum(b.billed_seconds) as billed_seconds, round(sum(b.total_usd), 4) as cost_usd,
       count(*) filter (where b.total_usd is null) as machines_without_price,
       (sum(tasks.busy_seconds))::numeric(14, 3) as busy_seconds, sum(tasks.number) as tasks
from workers w
join instances i on i.owner_kind = 'worker' and i.owner_id = w.worker_id
join instance_bills b on b.ledger_id = i.ledger_id
cross join lateral (
  select count(*) filter (where c.ended_as is distinct from 'queued') as number,
         coalesce(sum(extract(epoch from coalesce(c.ended_at, clock_timestamp()) - c.claimed_at)), 0) as busy_seconds
  from task_claims c
  where c.worker_id = w.worker_id
    and i.generation = (select max(o.generation) from instances o
                        where o.owner_kind = 'worker' and o.owner_id = w.worker_id and o.instance_id is not null)
) tasks
where b.launched_at is not null
group by 1, 2, 3, 4;

-- As before, with the pool among those who end an instance.
create or replace view waste as
select s.ledger_id, s.deployment, s.run_id, s.validation_id, s.instance_id, i.instance_type, i.origin,
       coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       s.launched_at, s.stopped_at, s.live, s.total_seconds, s.unexplained_seconds, s.idle_seconds,
       s.after_finish_seconds, c.unexplained_usd, c.idle_usd, c.after_finish_usd, c.total_usd,
       nullif(concat_ws('; ',
         case when i.origin = 'adopted' then 'Janitor did not launch it' end,
         case when s.unexplained_seconds <= s.overdue_seconds then null
              when i.command_started_at is null and i.origin = 'launched' then 'it never got a command'
              when i.command_started_at is not null and i.command_ended_at is null
                then 'the end of its command was not seen'
              when i.command_started_at is not null and not s.has_report then 'it left no report' end,
         case when s.overdue_seconds > 0 then 'alive ' || ceil(s.overdue_seconds) || ' s past its expiry' end), '')
         as unexplained_because,
       i.termination_reason, i.termination_detail, i.state_reason,
       case i.termination_reason::text
         when 'finished' then 'its run''s task' when 'timeout' then 'its run''s task'
         when 'cancelled' then 'its run''s task' when 'launch_failed' then 'its run''s task'
         when 'no_sign_of_life' then 'its run''s task'
         when 'run_teardown' then 'terminate_all' when 'operator_kill' then 'kill-all-workers'
         when 'orphan' then 'the reaper' when 'overdue' then 'the reaper' when 'lease_expired' then 'the reaper'
         when 'spot_interrupted' then 'AWS' when 'guest_timer' then 'its own timer'
         when 'external_timer' then 'its timer in AWS' when 'external_reaper' then 'the reaper''s function in AWS'
         when 'idle' then 'its pool' when 'drained' then 'its pool' when 'recycled' then 'its pool'
         when 'lost_worker' then 'its pool' when 'quarantined' then 'its pool' when 'spawn_timeout' then 'its pool'
         when 'instance_lost' then 'not known' end as ended_by,
       (select string_agg(n.kind || coalesce(': ' || (n.detail ->> 'reason'), ''), '; ' order by n.noticed_at)
        from external_notices n where n.deployment = s.deployment and n.instance_id = s.instance_id) as notices
from instance_seconds s
join instance_costs c using (ledger_id)
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = s.validation_id
where s.launched_at is not null;

-- Rights -------------------------------------------------------------------------------------------------------------

grant select on workers, tasks, task_claims, pool_decisions, pool_stops, pool_live, pool_health, pool_activity, pool_cost
  to janitor_read, janitor_write;
-- Whose a worker is, and what a task is about, stays as it was written.
grant insert, update (state, offers, last_fence, trust_domain, is_single_use, ready_at, last_alive_at, suspect_since,
                      surplus_since, last_task_ended_at, tasks_done, drain_reason, drain_deadline_at, end_wanted,
                      over_since, ended_at, end_reason) on workers to janitor_write;
grant insert, update (priority, state, worker_id, fence, attempts, not_before, claimed_at, started_at, lease_until,
                      deadline_at, last_progress_at, ended_at, reason_code, result) on tasks to janitor_write;
grant insert, update (started_at, ended_at, ended_as) on task_claims to janitor_write;
grant insert, delete on pool_decisions, pool_stops to janitor_write;
grant usage on sequence task_fences to janitor_write;

-- A worker on a host of our own claims for itself. It may call five functions and see nothing else: they are in a schema
-- of their own, as it may not enter this one.
do $$
begin
  if not exists (select from pg_roles where rolname = 'janitor_worker') then
    create role janitor_worker nologin;
  end if;
exception
  when duplicate_object or unique_violation then
    null;  -- made by somebody else between the look and the creation
  when insufficient_privilege then
    raise exception 'the role janitor_worker is missing, and % may not make roles', current_user
      using hint = 'let a role that may make it run: create role janitor_worker nologin';
end $$;
create schema janitor_pool;
revoke all on schema janitor_pool from public;

-- Registers it where it tells what it offers, else says that it lives. What it is told is its state; `unknown`: there is
-- no such worker here, and it has to stop, as it has to when it is over. An identity that has ended stays ended.
create function janitor_pool.pool_worker_beat(
  worker uuid, its_deployment text, its_pool text, its_offers jsonb default null, is_leaving boolean default false)
  returns text language plpgsql security definer set search_path = janitor, pg_temp as $$
declare
  found_state worker_state;
begin
  if its_offers is not null then
    insert into workers (worker_id, deployment, pool, provider, state, offers)
    values (worker, its_deployment, its_pool, 'local', 'ready', its_offers)
    on conflict do nothing;
  end if;
  update workers w set last_alive_at = clock_timestamp(), suspect_since = null
  where w.worker_id = worker and w.provider = 'local' and w.deployment = its_deployment and w.pool = its_pool
    and w.over_since is null
  returning w.state into found_state;
  if found_state in ('ready', 'busy', 'draining') and is_leaving
     and not exists (select from tasks t where t.worker_id = worker) then
    update workers w set state = 'terminating', end_reason = coalesce(w.end_wanted, 'drained')
    where w.worker_id = worker;
    update workers w set state = 'terminated' where w.worker_id = worker returning w.state into found_state;
  end if;
  if found_state is null then
    select w.state into found_state from workers w
    where w.worker_id = worker and w.provider = 'local' and w.deployment = its_deployment and w.pool = its_pool;
  end if;
  return coalesce(found_state::text, 'unknown');
end $$;

create function janitor_pool.pool_worker_claim(worker uuid, lease interval default interval '60 seconds')
  returns table (task_id uuid, fence bigint, kind text, validation_id uuid, spec jsonb, lease_until timestamptz,
                 deadline_at timestamptz)
  language plpgsql security definer set search_path = janitor, pg_temp as $$
begin
  if exists (select from workers w where w.worker_id = worker and w.provider = 'local') then
    return query select t.task_id, t.fence, t.kind::text, t.validation_id, t.spec, t.lease_until, t.deadline_at
                 from claim_task(worker, least(lease, interval '10 minutes')) t;
  end if;
end $$;

create function janitor_pool.pool_worker_renew(
  worker uuid, task uuid, held_fence bigint, lease interval default interval '60 seconds')
  returns boolean language plpgsql security definer set search_path = janitor, pg_temp as $$
begin
  update workers w set last_alive_at = clock_timestamp(), suspect_since = null
  where w.worker_id = worker and w.provider = 'local' and w.over_since is null;
  return found and renew_task(task, worker, held_fence, least(lease, interval '10 minutes'));
end $$;

create function janitor_pool.pool_worker_progress(worker uuid, task uuid, held_fence bigint)
  returns boolean language plpgsql security definer set search_path = janitor, pg_temp as $$
begin
  return exists (select from workers w where w.worker_id = worker and w.provider = 'local')
         and progress_task(task, worker, held_fence);
end $$;

-- A worker that couldn't clean up after its task gets no other.
create function janitor_pool.pool_worker_finish(
  worker uuid, task uuid, held_fence bigint, ended text, answer jsonb, is_clean boolean)
  returns boolean language plpgsql security definer set search_path = janitor, pg_temp as $$
begin
  if ended not in ('done', 'failed') or ended is null then
    raise exception 'a worker ends its task as done or failed' using errcode = 'invalid_parameter_value';
  end if;
  if not exists (select from workers w where w.worker_id = worker and w.provider = 'local')
     or not finish_task(task, worker, held_fence, ended::task_state, answer,
                        case ended when 'failed' then 'worker_says_so' end) then
    return false;
  end if;
  if is_clean then
    update workers w set state = 'ready' where w.worker_id = worker and w.state = 'busy';
  else
    update workers w set state = 'quarantined', end_reason = 'quarantined'
    where w.worker_id = worker and w.over_since is null;
  end if;
  return true;
end $$;

revoke all on all functions in schema janitor_pool from public;
grant usage on schema janitor_pool to janitor_worker;
grant execute on all functions in schema janitor_pool to janitor_worker;
