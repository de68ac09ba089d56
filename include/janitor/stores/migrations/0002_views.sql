-- What people read. Every view is also what the commands print from, so that SQL and command agree.

set local search_path = janitor;

create view validation_overview as
select v.validation_id, v.run_id, r.deployment, r.airflow_run_id, v.repository_index, v.repository_name, v.organization,
       v.custom_prompt, v.status, v.status_reason_code, v.status_summary, v.failing_check,
       coalesce(v.instance_id, i.instance_id) as instance_id, i.instance_type, i.state as instance_state,
       i.termination_reason, v.commit_sha, v.engine, v.created_at, coalesce(v.launched_at, i.launched_at) as launched_at,
       v.running_at, v.deadline_at, v.finished_at,
       v.finished_at - coalesce(v.launched_at, v.created_at) as execution_time,
       v.timeout_enforced, v.build_succeeded, v.container_succeeded, v.gpu_available, v.cuda_detected,
       v.command_id, v.log_stream
from repository_validations v
join validation_runs r using (run_id)
left join lateral (
  select * from instances i where i.validation_id = v.validation_id order by generation desc limit 1
) i on true;

create view run_summary as
select r.run_id, r.deployment, r.airflow_run_id, r.trigger, r.config_file_path, r.total_repositories, r.timeout_minutes,
       r.max_concurrent_instances, r.status, r.status_reason, r.started_at, r.completed_at,
       r.completed_at - r.started_at as duration,
       count(v.validation_id) filter (where v.status = 'success') as successful,
       count(v.validation_id) filter (where v.finished_at is not null) as finished,
       coalesce(bool_or(v.timeout_enforced), false) as timeout_enforced
from validation_runs r left join repository_validations v using (run_id)
group by r.run_id;

create view live_instances as
select i.ledger_id, i.deployment, i.instance_id, i.state, i.instance_type, i.market, i.run_id, i.validation_id,
       v.repository_name, i.intent_at, i.launched_at, i.deadline_at, i.deadline_at < now() as overdue
from instances i join repository_validations v using (validation_id)
where i.state not in ('terminated', 'not_launched');

-- The last ten validations of a repository that say something about the repository itself: cancelled ones don't.
create view repository_health as
with ranked as (
  select organization, repository_name, status, finished_at,
         row_number() over (partition by organization, repository_name order by finished_at desc) as recency,
         lag(status) over (partition by organization, repository_name order by finished_at) as previous_status
  from repository_validations
  where finished_at is not null and status <> 'cancelled'
), last_success as (
  select organization, repository_name, max(finished_at) as last_success_at
  from ranked where status = 'success' group by 1, 2
)
select ranked.organization, ranked.repository_name,
       count(*) filter (where recency <= 10) as validations,
       count(*) filter (where recency <= 10 and status = 'success') as successes,
       -- Flaky: how often the verdict turned over, out of the times that it could have.
       round(count(*) filter (where recency <= 10 and previous_status is not null
                              and (status = 'success') <> (previous_status = 'success'))::numeric
             / nullif(count(*) filter (where recency <= 10 and previous_status is not null), 0), 3) as flaky_rate,
       max(status::text) filter (where recency = 1) as last_status,
       max(finished_at) as last_finished_at,
       min(finished_at) filter (where status <> 'success'
                                and finished_at > coalesce(last_success_at, '-infinity')) as not_successful_since
from ranked left join last_success using (organization, repository_name)
group by ranked.organization, ranked.repository_name;

grant select on all tables in schema janitor to janitor_read, janitor_write;
