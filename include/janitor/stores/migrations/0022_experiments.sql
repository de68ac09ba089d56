-- Experiments: validations that are done again with one change. Their runs are runs like any other for whoever looks after
-- instances and money; what a repository stands for, and what the last run was, they say nothing of.

set local search_path = janitor;

create type run_purpose as enum ('fleet', 'experiment');
create type experiment_purpose as enum ('patched', 'control', 'culprit');

alter table validation_runs add column purpose run_purpose not null default 'fleet';
create index validation_runs_of_fleet on validation_runs (deployment, started_at desc) where purpose = 'fleet';

-- What is asked, written before Airflow is: whoever asks again finds it, and the run has its name from it.
create table experiments (
  experiment_id          uuid primary key,
  deployment             text not null,
  purpose                experiment_purpose not null,
  repeated_validation_id uuid not null references repository_validations on delete cascade,
  patch                  text check (length(patch) between 1 and 200000),
  patch_sha256           text check (patch_sha256 ~ '^[0-9a-f]{64}$'),
  -- A shard, or the key of a search.
  asked_by               text not null check (length(asked_by) between 1 and 500),
  airflow_run_id         text not null,
  created_at             timestamptz not null default clock_timestamp(),
  unique (deployment, airflow_run_id),
  check ((patch is null) = (patch_sha256 is null))
);
create index experiments_of_asker on experiments (deployment, asked_by, created_at);
grant select on experiments to janitor_read, janitor_write;
-- What was asked isn't changed afterwards.
grant insert on experiments to janitor_write;

-- With what a run is for.
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
       d.proof_level as difference_proof_level, d.previous_proof_level,
       r.purpose
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
       validations.successful, validations.finished, validations.timeout_enforced,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from instance_bills b where b.run_id = r.run_id and b.launched_at is not null) as cost_usd,
       r.kind, r.cache, r.cache_detail, r.unexpected_errors, r.purpose
from validation_runs r
cross join lateral (
  select count(v.validation_id) filter (where v.status = 'success') as successful,
         count(v.validation_id) filter (where v.finished_at is not null) as finished,
         coalesce(bool_or(v.timeout_enforced), false) as timeout_enforced
  from repository_validations v where v.run_id = r.run_id
) validations;

-- Of the fleet alone.
create or replace view failures as
select r.deployment, v.validation_id, v.run_id, v.organization, v.repository_name, v.status, v.finished_at, v.signature,
       coalesce(f.check_name, v.failing_check) as check_name,
       coalesce(f.reason_code, v.status_reason_code) as reason_code,
       coalesce(f.title, concat_ws(': ', v.failing_check, v.status_reason_code), v.status::text) as title,
       v.status_summary, d.change, d.since_at, d.since_run_id,
       v.proof_level, v.note_count, d.proof_level as difference_proof_level, d.previous_proof_level
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
where r.purpose = 'fleet' and v.status in ('failed', 'error', 'timed_out', 'incomplete');

create or replace view repository_health as
select s.deployment, s.organization, s.repository_name, recent.validations, recent.successes, recent.flaky_rate,
       recent.last_status, recent.last_finished_at, red.not_successful_since, recent.last_proof_level
from repository_standings s
cross join lateral (
  select count(*) as validations,
         count(*) filter (where status = 'success') as successes,
         -- Flaky: how often the verdict turned over, out of the times that it could have; a level that isn't known is none.
         round(count(*) filter (where could_turn and (status = 'success') <> (previous_status = 'success'))::numeric
               / nullif(count(*) filter (where could_turn), 0), 3) as flaky_rate,
         max(status::text) filter (where recency = 1) as last_status,
         max(finished_at) as last_finished_at,
         max(proof_level) filter (where recency = 1) as last_proof_level
  from (
    select status, proof_level, finished_at, recency, previous_status,
           previous_status is not null and coalesce(proof_level = previous_level, true) as could_turn
    from (
      select status, proof_level, finished_at, row_number() over newest as recency,
             lead(status) over newest as previous_status, lead(proof_level) over newest as previous_level
      from (
        select v.status, v.proof_level, v.finished_at
        from repository_validations v join validation_runs r using (run_id)
        where v.organization = s.organization and v.repository_name = s.repository_name
          and r.deployment = s.deployment and r.purpose = 'fleet' and v.finished_at is not null and v.status <> 'cancelled'
        order by v.finished_at desc limit 11
      ) last_eleven window newest as (order by finished_at desc)
    ) told
  ) compared
  where recency <= 10
) recent
left join lateral (
  select v.finished_at as not_successful_since
  from repository_validations v join validation_runs r using (run_id)
  where v.organization = s.organization and v.repository_name = s.repository_name and r.deployment = s.deployment
    and r.purpose = 'fleet' and v.status not in ('success', 'cancelled')
    and v.finished_at > coalesce((
      select w.finished_at from repository_validations w join validation_runs q on q.run_id = w.run_id
      where w.organization = s.organization and w.repository_name = s.repository_name
        and q.deployment = s.deployment and q.purpose = 'fleet' and w.status = 'success'
      order by w.finished_at desc limit 1), '-infinity')
  order by v.finished_at limit 1
) red on true
where recent.validations > 0;
