-- name: insert_repair(repair_id, deployment, shard_id, repository, signature, base_validation_id, base_commit, proposed_by, name, summary, root_cause, evidence, patch, patch_sha256, files, lines, state, reason, proposal_usd, fence)!
insert into repairs (repair_id, deployment, shard_id, repository, signature, base_validation_id, base_commit,
                     proposed_by, name, summary, root_cause, evidence, patch, patch_sha256, files, lines, state, reason,
                     proposal_usd, cost_usd, fence)
values (:repair_id, :deployment, :shard_id, :repository, :signature, :base_validation_id, :base_commit, :proposed_by,
        :name, :summary, :root_cause, :evidence, :patch, :patch_sha256, :files, :lines, :state::repair_state, :reason,
        :proposal_usd, :proposal_usd, :fence);

-- name: repair(deployment, repair_id)^
select * from repairs where deployment = :deployment and repair_id = :repair_id;

-- name: repair_of_shard(deployment, shard_id)^
select * from repairs where deployment = :deployment and shard_id = :shard_id order by created_at desc limit 1;

-- name: live_repair(deployment, repository, signature)^
select * from repairs where deployment = :deployment and repository = :repository and signature = :signature
  and state in ('proposed', 'proving', 'proven', 'published');

-- name: last_repairs(deployment, count)
select * from repairs where deployment = :deployment order by created_at desc, repair_id limit :count;

-- name: repairs_like(deployment, beginning)
select * from repairs where deployment = :deployment and starts_with(repair_id::text, :beginning)
order by created_at desc limit 20;

-- name: newest_repairs(deployment, repositories)
-- Without those that trouble of ours cut off, or a person's word: they say nothing of the cause.
select distinct on (r.repository, r.signature) r.repository, r.signature, r.state, r.base_validation_id, r.updated_at
from repairs r
where r.deployment = :deployment and r.repository = any(:repositories)
  and not (r.state = 'inconclusive' and exists (
    select from shard_status s where s.deployment = r.deployment and s.shard_id = r.shard_id and s.status = 'failed'))
order by r.repository, r.signature, r.created_at desc;

-- name: move_repair(deployment, repair_id, fence, state, reason, proof_validation_id, control_validation_id, cost_usd)!
update repairs
set state = :state::repair_state, fence = :fence, reason = coalesce(:reason, reason),
    proof_validation_id = coalesce(:proof_validation_id, proof_validation_id),
    control_validation_id = coalesce(:control_validation_id, control_validation_id),
    cost_usd = coalesce(:cost_usd, cost_usd)
where deployment = :deployment and repair_id = :repair_id and fence <= :fence;

-- name: publish_repair(deployment, repair_id, fence, published_as, url)!
update repairs
set state = 'published', fence = :fence, published_as = :published_as, url = :url, published_at = clock_timestamp()
where deployment = :deployment and repair_id = :repair_id and fence <= :fence;

-- name: give_up_repair(deployment, shard_id, reason)!
-- Of a shard that nobody works on any more: what was not proved is not known.
update repairs set state = 'inconclusive', reason = :reason
where deployment = :deployment and shard_id = :shard_id and state in ('proposed', 'proving');

-- name: spent_on_repairs(deployment, run_id)$
select coalesce(sum(r.cost_usd), 0) from repairs r join shard_status s using (deployment, shard_id)
where r.deployment = :deployment and s.run_id = :run_id;

-- name: repositories_without_repairs(run_id)
select organization || '/' || repository_name as repository from repository_validations
where run_id = :run_id and plan ->> 'repair' = 'off';
