-- name: lock_budget(deployment)^
-- One decision at a time over a deployment's day; the lock ends with the transaction.
with today as materialized (select (clock_timestamp() at time zone 'UTC')::date as day)
select day, pg_advisory_xact_lock(hashtextextended('janitor-budget/' || :deployment || '/' || day, 0)) from today;

-- name: today()$
select (clock_timestamp() at time zone 'UTC')::date;

-- name: day_used(deployment)$
-- What is set aside of today, and what was really spent where that is known.
select coalesce(sum(coalesce(spent_usd, reserved_usd)), 0) from budget_reservations
where deployment = :deployment and day = (clock_timestamp() at time zone 'UTC')::date;

-- name: day_used_of(deployment, day)$
select coalesce(sum(coalesce(spent_usd, reserved_usd)), 0) from budget_reservations
where deployment = :deployment and day = :day;

-- name: keep_run_limits(run_id, max_run_cost_usd, daily_budget_usd)!
update validation_runs set max_run_cost_usd = :max_run_cost_usd, daily_budget_usd = :daily_budget_usd
where run_id = :run_id;

-- name: reserve_launches(deployment, run_id, day, owner_kinds, owner_ids, amounts)!
-- Planning again finds its own reservations.
insert into budget_reservations (deployment, kind, run_id, owner_kind, owner_id, validation_id, day, reserved_usd)
select :deployment, 'launch', :run_id, wanted.kind, wanted.id, case when wanted.kind = 'validation' then wanted.id end,
       :day, wanted.amount
from unnest((:owner_kinds)::owner_kind[], (:owner_ids)::uuid[], (:amounts)::numeric[]) as wanted (kind, id, amount)
on conflict do nothing;

-- name: lease_terms(ledger_id)^
select i.deployment, i.instance_type, i.price_usd_hour, i.volume_gib, i.volume_usd_gib_month,
       greatest(i.expires_at, i.keep_until) as may_live_until, r.daily_budget_usd, r.max_run_cost_usd,
       (select coalesce(sum(coalesce(b.spent_usd, b.reserved_usd)), 0) from budget_reservations b
        where b.run_id = i.run_id) as run_used_usd
from instances i left join validation_runs r using (run_id)
where i.ledger_id = :ledger_id;

-- name: insert_lease_reservation(ledger_id, day, amount)$
insert into budget_reservations (deployment, kind, run_id, owner_kind, owner_id, validation_id, ledger_id, day,
                                 reserved_usd)
select deployment, 'lease', run_id, owner_kind, owner_id, validation_id, ledger_id, :day, :amount
from instances where ledger_id = :ledger_id
returning reservation_id;

-- name: keep_refusal(deployment, airflow_run_id, wanted_usd, run_limit_usd, day_left_usd, message)!
insert into budget_refusals (deployment, airflow_run_id, wanted_usd, run_limit_usd, day_left_usd, message)
values (:deployment, :airflow_run_id, :wanted_usd, :run_limit_usd, :day_left_usd, :message)
on conflict (deployment, airflow_run_id) do update
set refused_at = clock_timestamp(), wanted_usd = excluded.wanted_usd, run_limit_usd = excluded.run_limit_usd,
    day_left_usd = excluded.day_left_usd, message = excluded.message;

-- name: refusal_message(deployment, airflow_run_id)$
select message from budget_refusals where deployment = :deployment and airflow_run_id = :airflow_run_id;

-- name: settle_reservations(deployment)!
-- An owner is charged with all that its instances cost, but for the leases' part; that is shared among the leases in
-- proportion to what they reserved. Where a price isn't known, the reserved amount stands. An owner without a record of
-- its own end is over when its instances are.
with due as (
  select b.reservation_id, b.kind, b.owner_kind, b.owner_id, b.ledger_id, b.reserved_usd
  from budget_reservations b
  where b.deployment = :deployment and b.released_at is null
    and case b.kind
          when 'launch' then
            not exists (select from instances i
                        where i.owner_kind = b.owner_kind and i.owner_id = b.owner_id and i.ended_at is null)
            and case b.owner_kind
                  when 'validation' then exists (select from repository_validations v
                                                 where v.validation_id = b.owner_id and v.finished_at is not null)
                  when 'run' then exists (select from validation_runs r
                                          where r.run_id = b.owner_id and r.completed_at is not null)
                  else not exists (select from workers w where w.worker_id = b.owner_id and w.ended_at is null)
                       and (exists (select from workers w where w.worker_id = b.owner_id)
                            or exists (select from instances i
                                       where i.owner_kind = b.owner_kind and i.owner_id = b.owner_id))
                end
          else exists (select from instances i where i.ledger_id = b.ledger_id and i.ended_at is not null)
        end
  order by b.reservation_id
  for update of b skip locked
), real as (
  select due.reservation_id, due.reserved_usd, cost.usd, cost.known
  from due cross join lateral (
    select coalesce(sum(c.total_usd - case when l.leased then c.kept_usd else 0 end), 0) as usd,
           coalesce(bool_and(c.total_usd is not null), true) as known
    from instances i join instance_costs c using (ledger_id) cross join lateral (
      select exists (select from budget_reservations other
                     where other.kind = 'lease' and other.ledger_id = c.ledger_id) as leased) l
    where i.owner_kind = due.owner_kind and i.owner_id = due.owner_id and c.launched_at is not null
  ) cost
  where due.kind = 'launch'
  union all
  select due.reservation_id, due.reserved_usd,
         coalesce(c.kept_usd, 0) * case when leases.reserved_usd > 0 then due.reserved_usd / leases.reserved_usd
                                        else 1.0 / leases.number end,
         c.kept_usd is not null
  from due join instance_costs c using (ledger_id) cross join lateral (
    select sum(other.reserved_usd) as reserved_usd, count(*) as number from budget_reservations other
    where other.kind = 'lease' and other.ledger_id = due.ledger_id
  ) leases
  where due.kind = 'lease'
)
update budget_reservations b
set released_at = clock_timestamp(),
    spent_usd = ceil(case when real.known then real.usd else greatest(real.usd, real.reserved_usd) end * 10000) / 10000
from real
where b.reservation_id = real.reservation_id;
