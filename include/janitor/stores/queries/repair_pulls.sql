-- name: take_pulls_turn(deployment)$
select pg_advisory_xact_lock(hashtextextended('janitor-repair-pulls/' || :deployment, 0));

-- name: repair_pull(deployment, repository, signature)^
select * from repair_pulls where deployment = :deployment and repository = :repository and signature = :signature;

-- name: pulls_asked_today(deployment, repository, signature)$
-- By UTC, without the one that is asked about.
select count(*) from repair_pulls
where deployment = :deployment and asked_at >= date_trunc('day', clock_timestamp(), 'UTC')
  and (repository, signature) <> (:repository, :signature)
  -- A no to one that was opened elsewhere took no place.
  and (url is not null or rejected_at is null);

-- name: ask_for_pull(deployment, repository, signature)!
-- What is asked for already, and isn't opened, keeps its time.
insert into repair_pulls (deployment, repository, signature) values (:deployment, :repository, :signature)
on conflict (deployment, repository, signature) do update
set asked_at = case when repair_pulls.url is null then repair_pulls.asked_at else clock_timestamp() end, url = null;

-- name: set_pull_opened(deployment, repository, signature, url)!
update repair_pulls set url = :url
where deployment = :deployment and repository = :repository and signature = :signature;

-- name: keep_pull_rejected(deployment, repository, signature)!
insert into repair_pulls (deployment, repository, signature, rejected_at)
values (:deployment, :repository, :signature, clock_timestamp())
on conflict (deployment, repository, signature) do update
set rejected_at = coalesce(repair_pulls.rejected_at, clock_timestamp());

-- name: forget_unopened_pull(deployment, repository, signature)!
delete from repair_pulls
where deployment = :deployment and repository = :repository and signature = :signature and url is null
  and rejected_at is null;
