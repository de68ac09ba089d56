-- name: take_lease_turn(deployment, run_id, workspace_key)!
select take_lease_turn(:deployment, :run_id, :workspace_key);

-- name: held_workspace_lease(deployment, run_id, workspace_key)^
select *, expires_at <= clock_timestamp() as is_over from workspace_leases
where deployment = :deployment and run_id = :run_id and workspace_key is not distinct from :workspace_key
  and state = 'held'
for update;

-- name: insert_workspace_lease(lease_id, deployment, kind, run_id, workspace_key, folder, host, machine_id, boot_id, pid_namespace, pid, pid_started, instance_id, task, ttl)^
insert into workspace_leases (lease_id, deployment, kind, run_id, workspace_key, folder, holder_host, machine_id,
                              boot_id, pid_namespace, pid, pid_started, instance_id, task, expires_at)
values (:lease_id, :deployment, :kind::lease_kind, :run_id, :workspace_key, :folder, :host, :machine_id,
        :boot_id, :pid_namespace, :pid, :pid_started, :instance_id, :task, clock_timestamp() + :ttl)
returning *;

-- name: renew_workspace_lease(lease_id, fence, ttl)!
update workspace_leases set renewed_at = clock_timestamp(), expires_at = clock_timestamp() + :ttl
where lease_id = :lease_id and fence = :fence and state = 'held' and expires_at > clock_timestamp();

-- name: bound_idle_in_transaction(milliseconds)$
-- A holder that is stopped within a transaction keeps nobody from taking over.
select set_config('idle_in_transaction_session_timeout', :milliseconds, true);

-- name: hold_workspace_lease(lease_id, fence)$
-- Nobody takes it over before the caller's transaction ends.
select true from workspace_leases
where lease_id = :lease_id and fence = :fence and state = 'held' and expires_at > clock_timestamp()
for share;

-- name: release_workspace_lease(lease_id, fence, ended_by)!
update workspace_leases set state = 'released', ended_at = clock_timestamp(), ended_by = :ended_by
where lease_id = :lease_id and fence = :fence and state = 'held' and expires_at > clock_timestamp();

-- name: end_workspace_lease(lease_id, fence, seen_state, seen_renewed_at, state, ended_by)!
-- Only as it was seen: who renewed meanwhile lives.
update workspace_leases
set state = :state::lease_state, ended_at = coalesce(ended_at, clock_timestamp()), ended_by = :ended_by
where lease_id = :lease_id and fence = :fence and state = :seen_state::lease_state
  and renewed_at = :seen_renewed_at;

-- name: keep_workspace_patch(lease_id, fence, patch_path, patch_sha256)!
update workspace_leases set patch_path = :patch_path, patch_sha256 = :patch_sha256
where lease_id = :lease_id and fence = :fence and tree_removed_at is null;

-- name: workspace_tree_removed(lease_id, fence)!
update workspace_leases set tree_removed_at = clock_timestamp()
where lease_id = :lease_id and fence = :fence and path is not null and tree_removed_at is null;

-- name: open_workspace_leases(deployment)
select *, clock_timestamp() as looked_at from workspace_leases
where deployment = :deployment and (state = 'held' or (path is not null and tree_removed_at is null))
order by fence;

-- name: workspace_lease(deployment, lease_id)^
select *, clock_timestamp() as looked_at from workspace_leases
where deployment = :deployment and lease_id = :lease_id;

-- name: known_workspace_paths(paths)
select path from workspace_leases where path = any(:paths);

-- name: instance_is_terminated(deployment, instance_id)$
select exists (select from instances where deployment = :deployment and instance_id = :instance_id
               and state = 'terminated');
