-- Sequential runs: their validations take turns on one instance, which belongs to the run.

set local search_path = janitor;

create type run_kind as enum ('parallel', 'sequential');
create type cache_state as enum ('attached', 'cold');

alter table validation_runs
  add column kind run_kind not null default 'parallel',
  -- Of a sequential run: how long all of it may take, which lines of its log are no trouble, and what became of the
  -- cache volume and of the log.
  add column total_timeout_minutes numeric(8, 3) constraint validation_runs_total_timeout
    check (total_timeout_minutes > 0),
  add column expected_errors text[] not null default '{}',
  add column cache cache_state,
  add column cache_detail text,
  add column cache_volume text,  -- while it is attached
  add column cache_ledger_id bigint references instances on delete set null,  -- the instance that this is about
  add column unexpected_errors integer constraint validation_runs_unexpected_errors check (unexpected_errors >= 0),
  add constraint validation_runs_kind check ((kind = 'sequential') = (total_timeout_minutes is not null));

-- One validation's time on its run's instance. A validation whose instance was lost has another turn on the next one.
create table turns (
  validation_id      uuid not null references repository_validations on delete cascade,
  ledger_id          bigint not null references instances on delete cascade,
  began_at           timestamptz not null default clock_timestamp(),
  command_started_at timestamptz,
  first_sign_at      timestamptz,
  ended_at           timestamptz,
  primary key (validation_id, ledger_id)
);
-- One after another, whoever begins them.
create unique index turns_one_at_a_time on turns (ledger_id) where ended_at is null;
grant select on turns to janitor_read, janitor_write;
grant insert, update on turns to janitor_write;

-- What each turn's report is judged by: a key of its own, as the instance is another repository's before and after.
create table turn_terms (
  validation_id uuid not null,
  ledger_id     bigint not null,
  proof_key     bytea not null check (octet_length(proof_key) = 32),
  engine        text not null check (engine in ('auto', 'docker', 'venv')),
  told_at       timestamptz not null default clock_timestamp(),
  primary key (validation_id, ledger_id),
  foreign key (validation_id, ledger_id) references turns on delete cascade
);
alter table turn_terms enable row level security;
create policy turn_terms_of_the_writer on turn_terms to janitor_write using (true) with check (true);
grant select, insert on turn_terms to janitor_write;

create or replace view validation_overview as
select v.validation_id, v.run_id, r.deployment, r.airflow_run_id, v.repository_index, v.repository_name, v.organization,
       v.custom_prompt, v.status, v.status_reason_code, v.status_summary, v.failing_check,
       coalesce(v.instance_id, i.instance_id) as instance_id, i.instance_type, i.state as instance_state,
       i.termination_reason, v.commit_sha, v.engine, v.created_at, coalesce(v.launched_at, i.launched_at) as launched_at,
       v.running_at, v.deadline_at, v.finished_at,
       v.finished_at - coalesce(v.launched_at, v.created_at) as execution_time,
       v.timeout_enforced, v.build_succeeded, v.container_succeeded, v.gpu_available, v.cuda_detected,
       v.command_id, v.log_stream,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from instance_bills b where b.validation_id = v.validation_id and b.launched_at is not null) as cost_usd,
       v.signature, f.title as signature_title,
       d.change, d.outcome, d.since_at, d.since_run_id, d.previous_at, d.previous_run_id, d.cause_changed,
       d.cause_since_at, d.cause_since_run_id, coalesce(d.flaky, false) as flaky,
       v.gpu_required, v.required_proof, v.proof_level, v.note_count,
       d.proof_level as difference_proof_level, d.previous_proof_level
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
left join lateral (
  select * from instances i
  where i.validation_id = v.validation_id
     or i.ledger_id = any (array(select t.ledger_id from turns t where t.validation_id = v.validation_id))
  order by generation desc limit 1
) i on true;

create or replace view run_summary as
select r.run_id, r.deployment, r.airflow_run_id, r.trigger, r.config_file_path, r.total_repositories, r.timeout_minutes,
       r.max_concurrent_instances, r.status, r.status_reason, r.started_at, r.completed_at,
       r.completed_at - r.started_at as duration,
       count(v.validation_id) filter (where v.status = 'success') as successful,
       count(v.validation_id) filter (where v.finished_at is not null) as finished,
       coalesce(bool_or(v.timeout_enforced), false) as timeout_enforced,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from instance_bills b where b.run_id = r.run_id and b.launched_at is not null) as cost_usd,
       r.kind, r.cache, r.cache_detail, r.unexpected_errors
from validation_runs r left join repository_validations v using (run_id)
group by r.run_id;
