-- name: insert_run(run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256, total_repositories, timeout_minutes, max_concurrent_instances)!
-- A plan that is carried out twice finds its own run.
insert into validation_runs (run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256,
                             total_repositories, timeout_minutes, max_concurrent_instances)
values (:run_id, :deployment, :airflow_run_id, :trigger, :config_file_path, :config_sha256,
        :total_repositories, :timeout_minutes, :max_concurrent_instances)
on conflict (run_id) do nothing;

-- name: insert_validation(validation_id, run_id, repository_index, repository_name, organization, url, ref, custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan)!
insert into repository_validations (validation_id, run_id, repository_index, repository_name, organization, url, ref,
                                    custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan)
values (:validation_id, :run_id, :repository_index, :repository_name, :organization, :url, :ref,
        :custom_prompt, :gpu_required, :timeout_minutes, :grace_minutes, :plan)
on conflict (validation_id) do nothing;

-- name: planned_run(run_id)^
select run_id, total_repositories, max_concurrent_instances, config_sha256, status from validation_runs
where run_id = :run_id;

-- name: finish_run(run_id, status, status_reason)!
update validation_runs
set status = :status, status_reason = :status_reason, completed_at = clock_timestamp()
where run_id = :run_id and status = 'running';

-- name: run_summary(run_id)^
select * from run_summary where run_id = :run_id;

-- name: running_run_summaries(deployment)
select * from run_summary where deployment = :deployment and status = 'running' order by started_at desc;

-- name: recent_run_ids(deployment, count)
select run_id, airflow_run_id from validation_runs where deployment = :deployment order by started_at desc limit :count;

-- name: find_run(deployment, wanted, prefix)
-- The uuid, its beginning, or Airflow's own id.
select run_id, airflow_run_id from validation_runs
where deployment = :deployment and (airflow_run_id = :wanted or run_id::text like :prefix || '%%')
order by started_at desc limit 3;
