-- name: acknowledgements_of(deployment, cause_keys)
-- The newest first: what somebody said last counts.
select * from acknowledgements
where deployment = :deployment and cause_key = any(:cause_keys) and ended_at is null
order by made_at desc, acknowledgement_id desc;

-- name: insert_acknowledgement(deployment, cause_key, repository, reason, made_by, until, until_at, commit_sha)!
insert into acknowledgements (deployment, cause_key, repository, reason, made_by, until, until_at, commit_sha)
values (:deployment, :cause_key, :repository, :reason, :made_by, :until::acknowledged_until, :until_at, :commit_sha);

-- name: end_acknowledgements(deployment, cause_key, ended_by)!
update acknowledgements set ended_at = clock_timestamp(), ended_by = :ended_by
where deployment = :deployment and cause_key = :cause_key and ended_at is null;
