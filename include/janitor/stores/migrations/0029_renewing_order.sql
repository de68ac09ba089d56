-- A worker that renews locks its task's row before its own, as everybody does: whoever takes the task from it at the same
-- moment waits for the worker's row.

set local search_path = janitor;

create or replace function janitor_pool.pool_worker_renew(
  worker uuid, task uuid, held_fence bigint, lease interval default interval '60 seconds')
  returns boolean language plpgsql security definer set search_path = janitor, pg_temp as $$
declare
  is_renewed boolean;
begin
  is_renewed := exists (select from workers w
                        where w.worker_id = worker and w.provider = 'local' and w.over_since is null)
                and renew_task(task, worker, held_fence, least(lease, interval '10 minutes'));
  update workers w set last_alive_at = clock_timestamp(), suspect_since = null
  where w.worker_id = worker and w.provider = 'local' and w.over_since is null;
  return is_renewed;
end $$;
