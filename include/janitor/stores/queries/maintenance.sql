-- name: maintenance_glance(deployment, since)^
select (select count(*) from workspace_leases
        where deployment = :deployment and kind = 'workspace' and state = 'held') as trees,
       oldest.shard_id as oldest_shard, oldest.started_at as oldest_since,
       ended.ended, ended.failed,
       (select count(*) from workspace_leases
        where deployment = :deployment
          and ((state = 'held' and expires_at <= clock_timestamp())
               or (state = 'quarantined' and path is not null and tree_removed_at is null))) as stale_leases,
       pg_total_relation_size('janitor.shard_status') + pg_total_relation_size('janitor.repairs')
         + pg_total_relation_size('janitor.workspace_leases') as tables_bytes
from (select count(*) as ended, count(*) filter (where status = 'failed') as failed
      from shard_status where deployment = :deployment and completed_at >= :since) ended
left join (select shard_id, started_at from shard_status
           where deployment = :deployment and status = 'running' order by started_at limit 1) oldest on true;
