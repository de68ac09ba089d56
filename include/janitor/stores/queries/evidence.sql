-- name: cause_rows(run_id)
-- What of a run isn't well, and where that began: the first report with its cause, the one that this was compared with,
-- and the last success before. Each is found by its key.
select v.validation_id, v.run_id, v.organization, v.repository_name, v.url, v.status, v.signature, v.status_reason_code,
       v.status_summary, v.failing_check, v.commit_sha, v.engine, v.gpu_required, v.plan ->> 'dockerfile' as dockerfile,
       f.title, d.change, coalesce(d.cause_changed, false) as cause_changed, coalesce(d.flaky, false) as flaky,
       case when jsonb_typeof(s.standing #> '{verdict,recent}') = 'array'
            then jsonb_array_length(s.standing #> '{verdict,recent}') else 0 end as verdicts,
       bad.validation_id as bad_validation_id, bad.run_id as bad_run_id, bad.finished_at as bad_at,
       bad.commit_sha as bad_commit, o.changes,
       before.validation_id as before_validation_id, before.run_id as before_run_id, before.finished_at as before_at,
       before.commit_sha as before_commit,
       good.validation_id as good_validation_id, good.run_id as good_run_id, good.finished_at as good_at,
       good.commit_sha as good_commit,
       exists (select from validation_base_images a join validation_base_images b using (reference)
               where a.validation_id = bad.validation_id and b.validation_id = before.validation_id
                 and a.digest is not null and b.digest is not null) as images_compared,
       (select count(*) = 2 from validation_provenance p
        where p.validation_id in (bad.validation_id, before.validation_id) and p.packages is not null) as packages_compared
from repository_validations v
join validation_runs r using (run_id)
left join report_differences d using (validation_id)
left join failure_signatures f using (signature)
left join repository_standings s
  on s.deployment = r.deployment and s.organization = v.organization and s.repository_name = v.repository_name
left join repository_validations bad
  on d.change in ('new', 'still_failing') and bad.run_id = coalesce(d.cause_since_run_id, d.since_run_id)
     and bad.organization = v.organization and bad.repository_name = v.repository_name
left join report_differences o on o.validation_id = bad.validation_id
left join repository_validations before on before.validation_id = o.previous_validation_id
left join report_differences broke on broke.validation_id = d.since_validation_id
left join repository_validations good on good.validation_id = broke.previous_validation_id and good.status = 'success'
where v.run_id = :run_id and v.finished_at is not null and v.status not in ('success', 'cancelled')
order by v.organization, v.repository_name;

-- name: base_images_of(validation_ids)
select validation_id, reference, digest from validation_base_images
where validation_id = any(:validation_ids) order by validation_id, position;

-- name: deciding_checks(validation_ids)
-- What the check that decided said, and what it saw.
select v.validation_id, c.value ->> 'reason' as reason, c.value -> 'evidence' as evidence
from repository_validations v join validation_reports r using (validation_id)
cross join lateral jsonb_array_elements(r.report -> 'checks') c
where v.validation_id = any(:validation_ids) and jsonb_typeof(r.report -> 'checks') = 'array'
  and c.value ->> 'name' = v.failing_check;

-- name: spent_on_causes(deployment, organizations, names, signatures, since, until)
-- What each repository's validations cost that failed by its cause since an instant; without a signature, those that
-- failed without one.
select wanted.position::integer, count(distinct failed.run_id)::integer as runs, sum(failed.usd) as usd,
       coalesce(bool_and(failed.usd is not null), true) as is_whole
from unnest((:organizations)::text[], (:names)::text[], (:signatures)::text[], (:since)::timestamptz[])
     with ordinality as wanted (organization, name, signature, since, position)
left join lateral (
  select v.run_id, (select sum(b.total_usd) from bills b
                    where b.validation_id = v.validation_id and b.launched_at is not null) as usd
  from repository_validations v join validation_runs r using (run_id)
  where v.organization = wanted.organization and v.repository_name = wanted.name and r.deployment = :deployment
    and r.purpose = 'fleet' and v.finished_at >= wanted.since and v.finished_at <= :until
    and v.signature is not distinct from wanted.signature and v.status not in ('success', 'cancelled')
) failed on true
group by wanted.position order by wanted.position;
