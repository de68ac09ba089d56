-- name: costs_of_validations(validation_ids)
-- Unrounded; null where a price isn't known. As long as an instance isn't gone, it goes on.
select b.validation_id, case when bool_and(b.total_usd is not null) then sum(b.total_usd) end as usd,
       bool_or(b.ended_at is null) as goes_on
from instance_bills b where b.validation_id = any(:validation_ids) and b.launched_at is not null
group by b.validation_id;

-- name: costs_of_runs(run_ids)
-- With what a run's own instances cost, beside its validations'.
select b.run_id, case when bool_and(b.total_usd is not null) then sum(b.total_usd) end as usd,
       bool_or(b.ended_at is null) as goes_on
from instance_bills b where b.run_id = any(:run_ids) and b.launched_at is not null
group by b.run_id;
