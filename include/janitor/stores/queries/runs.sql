-- name: insert_run(run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256, total_repositories, timeout_minutes, max_concurrent_instances, kind, total_timeout_minutes, expected_errors, news_routes, badges, purpose)!
-- A plan that is carried out twice finds its own run.
insert into validation_runs (run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256,
                             total_repositories, timeout_minutes, max_concurrent_instances, kind,
                             total_timeout_minutes, expected_errors, news_routes, badges, purpose)
values (:run_id, :deployment, :airflow_run_id, :trigger, :config_file_path, :config_sha256,
        :total_repositories, :timeout_minutes, :max_concurrent_instances, :kind::run_kind,
        :total_timeout_minutes, (:expected_errors)::text[], :news_routes, :badges, :purpose::run_purpose)
on conflict (run_id) do nothing;

-- name: insert_validation(validation_id, run_id, repository_index, repository_name, organization, url, ref, custom_prompt, gpu_required, required_proof, timeout_minutes, grace_minutes, plan)!
insert into repository_validations (validation_id, run_id, repository_index, repository_name, organization, url, ref,
                                    custom_prompt, gpu_required, required_proof, timeout_minutes, grace_minutes, plan)
values (:validation_id, :run_id, :repository_index, :repository_name, :organization, :url, :ref,
        :custom_prompt, :gpu_required, :required_proof, :timeout_minutes, :grace_minutes, :plan)
on conflict (validation_id) do nothing;

-- name: planned_run(run_id)^
select run_id, total_repositories, max_concurrent_instances, config_sha256, status from validation_runs
where run_id = :run_id;

-- name: run_as_planned(run_id)^
select config_file_path, config_sha256, timeout_minutes, max_concurrent_instances, max_run_cost_usd, daily_budget_usd,
       kind, news_routes, badges, purpose
from validation_runs where run_id = :run_id;

-- name: repositories_as_planned(run_id)
select plan, grace_minutes, status from repository_validations where run_id = :run_id order by repository_index;

-- name: finish_run(run_id, status, status_reason)!
update validation_runs
set status = :status, status_reason = :status_reason, completed_at = clock_timestamp()
where run_id = :run_id and status = 'running';

-- name: note_ended_since(deployment)!
-- What a run's verdict found left, and what has ended since, is said so beside its id. One id of a run at a time.
update validation_runs r
set status_reason = replace(r.status_reason, i.instance_id, i.instance_id || ' (ended since, '
                            || to_char(i.ended_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC)')
from instances i
where r.deployment = :deployment and r.completed_at > now() - interval '30 days'
  and i.run_id = r.run_id and i.state = 'terminated' and i.ended_at is not null
  and position('left in EC2 or in the ledger: ' in r.status_reason) > 0
  and position(i.instance_id in r.status_reason) > 0
  and position(i.instance_id || ' (ended since' in r.status_reason) = 0;

-- name: last_times_of_run(run_id)
-- From launch to end, the last time that each of the run's repositories came to a verdict in another run of the fleet.
select v.validation_id, p.finished_at - p.launched_at as took
from repository_validations v join validation_runs r using (run_id)
cross join lateral (
  select o.launched_at, o.finished_at from repository_validations o join validation_runs e using (run_id)
  where e.deployment = r.deployment and e.purpose = 'fleet' and o.organization = v.organization and o.repository_name = v.repository_name
    and o.run_id <> v.run_id and o.status in ('success', 'failed') and o.launched_at is not null
  order by o.finished_at desc limit 1) p
where v.run_id = :run_id;

-- name: run_summary(run_id)^
select * from run_summary where run_id = :run_id;

-- name: running_run_summaries(deployment)
select * from run_summary where deployment = :deployment and status = 'running' order by started_at desc;

-- name: latest_run_summaries(deployment, count)
select * from run_summary
where run_id in (select run_id from validation_runs where deployment = :deployment
                 order by started_at desc limit :count)
order by started_at desc;

-- name: recent_run_ids(deployment, count)
select run_id, airflow_run_id from validation_runs where deployment = :deployment order by started_at desc limit :count;

-- name: find_run(deployment, wanted, prefix)
-- The uuid, its beginning, or Airflow's own id.
select run_id, airflow_run_id from validation_runs
where deployment = :deployment and (airflow_run_id = :wanted or run_id::text like :prefix || '%%')
order by started_at desc limit 3;
