-- name: ledger_facts(deployment, instance_ids)
-- Rows of instances that EC2 shows, ended ones too, and the intents whose instance nobody has kept yet.
-- A worker is over before its machine is gone.
select i.*, coalesce(v.finished_at, case i.owner_kind
                                      when 'run' then r.completed_at
                                      when 'worker' then w.over_since end) as owner_ended_at
from instances i
left join repository_validations v on v.validation_id = i.validation_id
left join validation_runs r on r.run_id = i.run_id
left join workers w on i.owner_kind = 'worker' and w.worker_id = i.owner_id
where i.instance_id = any(:instance_ids) or (i.deployment = :deployment and i.state = 'intent');

-- name: adopt_instance(deployment, client_token, tags, instance_id, instance_type, market, availability_zone, state, launched_at, deadline_at, expires_at, price_usd_hour, volume_gib, volume_usd_gib_month, place)^
insert into instances (deployment, generation, client_token, tags, instance_id, instance_type, market,
                       availability_zone, state, origin, intent_at, launched_at, deadline_at, expires_at,
                       price_usd_hour, volume_gib, volume_usd_gib_month, place)
values (:deployment, 1, :client_token, :tags, :instance_id, :instance_type, :market, :availability_zone,
        :state::instance_state, 'adopted', :launched_at, :launched_at, :deadline_at, :expires_at,
        :price_usd_hour, :volume_gib, :volume_usd_gib_month, :place)
on conflict do nothing
returning *;

-- name: claim_for_end(ledger_id, now)^
-- Locks the row, so that a debug lease comes either before this look or finds the reason.
select ledger_id from instances
where ledger_id = :ledger_id and (keep_until is null or keep_until <= :now)
for update;

-- name: reap_marks(deployment)
select instance_id, evidence, strikes, first_seen_at from reap_marks where deployment = :deployment;

-- name: keep_mark(deployment, instance_id, evidence)!
-- Other evidence than before is a first strike again.
insert into reap_marks (deployment, instance_id, evidence) values (:deployment, :instance_id, :evidence::reap_evidence)
on conflict (deployment, instance_id) do update
set strikes = case when reap_marks.evidence = excluded.evidence then reap_marks.strikes + 1 else 1 end,
    first_seen_at = case when reap_marks.evidence = excluded.evidence
                         then reap_marks.first_seen_at else clock_timestamp() end,
    evidence = excluded.evidence, last_seen_at = clock_timestamp();

-- name: clear_mark(deployment, instance_id)!
delete from reap_marks where deployment = :deployment and instance_id = :instance_id;

-- name: clear_marks_except(deployment, instance_ids)!
delete from reap_marks where deployment = :deployment and not instance_id = any(:instance_ids);

-- name: add_reaper_event(deployment, action, instance_id, subject, evidence, detail)!
insert into reaper_events (deployment, action, instance_id, subject, evidence, detail)
values (:deployment, :action::reaper_action, :instance_id, :subject, :evidence::reap_evidence, :detail);

-- name: reaper_events(deployment, count)
select happened_at, action, instance_id, subject, evidence, detail from reaper_events
where deployment = :deployment order by event_id desc limit :count;

-- name: notice_keys_since(deployment, since)
select storage_key from external_notices where deployment = :deployment and taken_at >= :since;

-- name: recent_spot_warnings(deployment, since)
select storage_key, instance_id from external_notices
where deployment = :deployment and kind = 'spot_warning' and taken_at >= :since;

-- name: insert_notice(storage_key, deployment, kind, instance_id, noticed_at, detail)!
insert into external_notices (storage_key, deployment, kind, instance_id, noticed_at, detail)
values (:storage_key, :deployment, :kind::notice_kind, :instance_id, :noticed_at, :detail)
on conflict (storage_key) do nothing;

-- name: abandoned_validations(deployment, expired_before)
-- Launched once, past the last instant at which any instance of theirs may live, and none does. A pool's machine lives on
-- when a turn on it is over.
select v.validation_id, v.repository_name
from repository_validations v join validation_runs r using (run_id)
where r.deployment = :deployment and v.finished_at is null
  and v.deadline_at + v.grace_minutes * interval '1 minute' < :expired_before
  and exists (select from instances i left join turns t using (ledger_id)
              where v.validation_id in (i.validation_id, t.validation_id) and i.instance_id is not null)
  and not exists (select from instances i left join turns t using (ledger_id)
                  where v.validation_id in (i.validation_id, t.validation_id)
                    and i.state not in ('terminated', 'not_launched') and t.ended_at is null
                    and (t.fence is null or exists (select from tasks k where k.fence = t.fence)))
order by v.created_at;

-- name: open_runs(deployment)
-- Runs that have no final state, or a validation without one.
select r.run_id, r.airflow_run_id, r.status, r.kind from validation_runs r
where r.deployment = :deployment and (r.status = 'running' or exists (
  select from repository_validations v where v.run_id = r.run_id and v.finished_at is null))
order by r.started_at;
