-- name: keep_pool_decision(deployment, pool, inputs, actions, why)$
insert into pool_decisions (deployment, pool, inputs, actions, why)
values (:deployment, :pool, :inputs, :actions, :why) returning decision_id;

-- name: forget_pool_decisions(deployment, kept_for)!
delete from pool_decisions where deployment = :deployment and decided_at < clock_timestamp() - :kept_for;

-- name: recent_pool_decisions(deployment, pool, count, with_actions_alone)
select * from pool_decisions
where deployment = :deployment and ((:pool)::text is null or pool = :pool)
  and (not :with_actions_alone or jsonb_array_length(actions) > 0)
order by decision_id desc limit :count;

-- name: stop_pool(deployment, pool, stopped_by)!
insert into pool_stops (deployment, pool, stopped_by) values (:deployment, :pool, :stopped_by) on conflict do nothing;

-- name: resume_pool(deployment, pool)!
delete from pool_stops where deployment = :deployment and pool = :pool;

-- name: pool_stop(deployment, pool)^
select * from pool_stops where deployment = :deployment and pool = :pool;

-- name: pool_stops(deployment)
select * from pool_stops where deployment = :deployment order by pool;
