-- name: claim_shard(deployment, shard_id, run_id, airflow_run_id, repository, source_validation_id, signature, canary_of, looked_at)$
-- Nothing where the cause is being worked on, where this run has tried it already, or another one has since it was
-- looked for.
insert into shard_status (deployment, shard_id, run_id, airflow_run_id, repository, source_validation_id, signature,
                          canary_of)
select :deployment, :shard_id, :run_id, :airflow_run_id, :repository, :source_validation_id, :signature, :canary_of
where not exists (select from shard_status where deployment = :deployment and repository = :repository
                  and signature = :signature and created_at > :looked_at)
on conflict do nothing returning shard_id;

-- name: looked_at()$
select clock_timestamp();

-- name: shard(deployment, shard_id)^
select * from shard_status where deployment = :deployment and shard_id = :shard_id;

-- name: lock_shard(deployment, shard_id)^
select * from shard_status where deployment = :deployment and shard_id = :shard_id for update;

-- name: shards_of_run(deployment, run_id)
select * from shard_status where deployment = :deployment and run_id = :run_id order by created_at, shard_id;

-- name: last_shards(deployment, count)
select * from shard_status where deployment = :deployment order by updated_at desc, shard_id limit :count;

-- name: live_shards(deployment)
select * from shard_status where deployment = :deployment and status in ('pending', 'running')
order by created_at, shard_id;

-- name: take_turn_of_run(deployment, run_id)!
select pg_advisory_xact_lock(hashtextextended(
  'janitor-maintenance/' || to_json((:deployment)::text) || '/' || to_json((:run_id)::text), 0));

-- name: running_shards(deployment, run_id, shard_id)$
-- Beside one.
select count(*) from shard_status
where deployment = :deployment and run_id = :run_id and status = 'running' and shard_id <> :shard_id;

-- name: begin_shard(deployment, shard_id, worker_id, lease_id, fence, artefact_prefix, is_new_try)!
update shard_status
set status = 'running', attempt = attempt + case when :is_new_try or status = 'pending' then 1 else 0 end, worker_id = :worker_id, lease_id = :lease_id, fence = :fence,
    started_at = coalesce(started_at, clock_timestamp()), artefact_prefix = :artefact_prefix
where deployment = :deployment and shard_id = :shard_id and status in ('pending', 'running')
  and coalesce(fence, 0) <= :fence;

-- name: finish_shard(deployment, shard_id, fence, status, outcome, error_message, cost_usd)!
update shard_status
set status = :status::shard_state, completed_at = clock_timestamp(), outcome = :outcome,
    error_message = :error_message, cost_usd = coalesce(:cost_usd, cost_usd)
where deployment = :deployment and shard_id = :shard_id and fence = :fence and status in ('pending', 'running');

-- name: give_up_shard(deployment, shard_id, seen_fence, error_message)!
-- Only as it was seen: who took it up meanwhile lives.
update shard_status set status = 'failed', completed_at = clock_timestamp(), error_message = :error_message
where deployment = :deployment and shard_id = :shard_id and status in ('pending', 'running')
  and fence is not distinct from :seen_fence;

-- name: skip_shard(deployment, shard_id, seen_fence, outcome)!
update shard_status set status = 'skipped', completed_at = clock_timestamp(), outcome = :outcome
where deployment = :deployment and shard_id = :shard_id and status in ('pending', 'running')
  and fence is not distinct from :seen_fence;
