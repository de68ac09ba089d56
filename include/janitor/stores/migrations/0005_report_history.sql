-- Failure signatures, the difference of each report to the last conclusive one, and what each phase took and cost.

set local search_path = janitor;

create type report_change as enum ('first', 'new', 'fixed', 'same', 'still_failing', 'inconclusive');
create type report_outcome as enum ('passed', 'failed');

-- The checks that came later; a check that isn't listed is a test.
insert into check_phases
  select unnest(array['config_consistency', 'pins', 'ci_refs', 'base_image_exists', 'model_urls', 'deps_resolve',
                      'build_time']), 'build';
insert into check_phases values ('negative_input', 'test');

create table failure_signatures (
  signature     text primary key check (signature ~ '^[0-9a-f]{16}$'),
  check_name    text,
  reason_code   text not null,
  line          text not null,
  title         text not null,
  first_seen_at timestamptz not null default clock_timestamp()
);

alter table repository_validations add column signature text references failure_signatures;
create index repository_validations_by_signature on repository_validations (signature, finished_at desc)
  where signature is not null;
-- A repository's history is read by its whole name.
create index repository_validations_history on repository_validations (organization, repository_name, finished_at desc);

-- What is known of a repository after its last conclusive report: the input of the next difference.
create table repository_standings (
  deployment      text not null,
  organization    text not null,
  repository_name text not null,
  standing        jsonb not null default '{}',
  updated_at      timestamptz not null default clock_timestamp(),
  primary key (deployment, organization, repository_name)
);

-- `since` is that of the outcome which stands; for `fixed`, of the failure that is over.
create table report_differences (
  validation_id          uuid primary key references repository_validations on delete cascade,
  change                 report_change not null,
  outcome                report_outcome,
  since_at               timestamptz,
  since_run_id           uuid,
  since_validation_id    uuid,
  previous_at            timestamptz,
  previous_run_id        uuid,
  previous_validation_id uuid,
  cause_changed          boolean not null default false,
  cause_since_at         timestamptz,
  cause_since_run_id     uuid,
  flaky                  boolean not null default false,
  check ((since_at is null) = (since_run_id is null)),
  check ((outcome is null) = (since_at is null)),
  check (change = 'inconclusive' or outcome is not null)
);

-- Checks that passed or failed in a report, except those that pass as before.
create table check_differences (
  validation_id       uuid not null references repository_validations on delete cascade,
  check_name          text not null,
  change              report_change not null check (change in ('new', 'fixed', 'still_failing')),
  since_at            timestamptz not null,
  since_run_id        uuid not null,
  since_validation_id uuid not null,
  flaky               boolean not null default false,
  primary key (validation_id, check_name)
);

-- Seconds of each phase as the report tells them, with what they cost: their share of the instance's bill, and what
-- was spent beside it, such as for a model. Null where the price isn't known.
create view validation_phases as
select r.validation_id, p.key as phase, p.position, p.value::numeric as seconds,
       round(c.total_usd * p.value::numeric / nullif(s.total_seconds, 0), 6) as instance_usd,
       (r.report -> 'phase_usd' ->> p.key)::numeric as other_usd,
       case when c.total_usd is not null and s.total_seconds > 0 or (r.report -> 'phase_usd') ? p.key
            then round(coalesce(c.total_usd * p.value::numeric / nullif(s.total_seconds, 0), 0)
                       + coalesce((r.report -> 'phase_usd' ->> p.key)::numeric, 0), 6) end as usd
from validation_reports r
cross join lateral (
  -- jsonb doesn't keep the order: that of the pipeline first, then any other by name.
  select e.key, e.value,
         row_number() over (order by coalesce(array_position(array['checkout', 'static', 'network', 'build', 'test',
                                                                   'agent'], e.key), 99), e.key) as position
  from jsonb_each_text(case when jsonb_typeof(r.report -> 'phases') = 'object' then r.report -> 'phases'
                            else '{}' end) e
) p
left join instance_seconds s on s.ledger_id = r.ledger_id
left join instance_costs c on c.ledger_id = r.ledger_id;

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
       d.cause_since_at, d.cause_since_run_id, coalesce(d.flaky, false) as flaky
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
left join lateral (
  select * from instances i where i.validation_id = v.validation_id order by generation desc limit 1
) i on true;

-- Every validation that isn't a success, with its cause. Those of before signatures were kept have their code alone.
create view failures as
select r.deployment, v.validation_id, v.run_id, v.organization, v.repository_name, v.status, v.finished_at, v.signature,
       coalesce(f.check_name, v.failing_check) as check_name,
       coalesce(f.reason_code, v.status_reason_code) as reason_code,
       coalesce(f.title, concat_ws(': ', v.failing_check, v.status_reason_code), v.status::text) as title,
       v.status_summary, d.change, d.since_at, d.since_run_id
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
where v.status in ('failed', 'error', 'timed_out', 'incomplete');

-- One line for each cause, whichever repositories it hit.
create view failure_clusters as
select deployment, signature, status, check_name, reason_code, title,
       count(*) as validations, count(distinct run_id) as runs,
       count(distinct organization || '/' || repository_name) as repositories,
       array_agg(distinct organization || '/' || repository_name) as repository_names,
       min(finished_at) as first_seen_at, max(finished_at) as last_seen_at
from failures
group by deployment, signature, status, check_name, reason_code, title;

grant select on all tables in schema janitor to janitor_read, janitor_write;
grant insert on failure_signatures to janitor_write;
grant insert, update on repository_standings to janitor_write;
grant insert on report_differences, check_differences to janitor_write;
