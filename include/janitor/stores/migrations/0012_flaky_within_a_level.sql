-- A verdict that turns over between two levels of proof is no sign of a flaky repository: each speaks of something else.

set local search_path = janitor;

create or replace view repository_health as
with ranked as (
  select organization, repository_name, status, proof_level, finished_at,
         row_number() over (partition by organization, repository_name order by finished_at desc) as recency,
         lag(status) over (partition by organization, repository_name order by finished_at) as previous_status,
         lag(proof_level) over (partition by organization, repository_name order by finished_at) as previous_level
  from repository_validations
  where finished_at is not null and status <> 'cancelled'
), last_success as (
  select organization, repository_name, max(finished_at) as last_success_at
  from ranked where status = 'success' group by 1, 2
), compared as (
  select *, recency <= 10 and previous_status is not null
            and coalesce(proof_level = previous_level, true) as could_turn
  from ranked
)
select compared.organization, compared.repository_name,
       count(*) filter (where recency <= 10) as validations,
       count(*) filter (where recency <= 10 and status = 'success') as successes,
       -- Flaky: how often the verdict turned over, out of the times that it could have; a level that isn't known is none.
       round(count(*) filter (where could_turn and (status = 'success') <> (previous_status = 'success'))::numeric
             / nullif(count(*) filter (where could_turn), 0), 3) as flaky_rate,
       max(status::text) filter (where recency = 1) as last_status,
       max(finished_at) as last_finished_at,
       min(finished_at) filter (where status <> 'success'
                                and finished_at > coalesce(last_success_at, '-infinity')) as not_successful_since,
       max(proof_level) filter (where recency = 1) as last_proof_level
from compared left join last_success using (organization, repository_name)
group by compared.organization, compared.repository_name;
