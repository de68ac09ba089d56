-- name: host_beat(worker_id, deployment, pool, offers, is_leaving)$
select janitor_pool.pool_worker_beat(:worker_id, :deployment, :pool, :offers, :is_leaving);

-- name: host_claim(worker_id, lease)^
select * from janitor_pool.pool_worker_claim(:worker_id, :lease);

-- name: host_renew(worker_id, task_id, fence, lease)$
select janitor_pool.pool_worker_renew(:worker_id, :task_id, :fence, :lease);

-- name: host_progress(worker_id, task_id, fence)$
select janitor_pool.pool_worker_progress(:worker_id, :task_id, :fence);

-- name: host_finish(worker_id, task_id, fence, ended, answer, is_clean)$
select janitor_pool.pool_worker_finish(:worker_id, :task_id, :fence, :ended, :answer, :is_clean);
