-- name: lock_places(deployment)^
-- One launch decision at a time in a deployment; the lock ends with the transaction.
select pg_advisory_xact_lock(hashtextextended('janitor-places/' || :deployment, 0));

-- name: count_live(deployment)$
select count(*) from instances where deployment = :deployment and state not in ('terminated', 'not_launched');

-- name: live_of_validation(validation_id)^
select * from instances where validation_id = :validation_id and state not in ('terminated', 'not_launched');

-- name: latest_of_validation(validation_id)^
select * from instances where validation_id = :validation_id order by generation desc limit 1;

-- name: insert_intent(validation_id, run_id, deployment, generation, client_token, tags, instance_type, market, subnet_id, launch_parameters, price_usd_hour, volume_gib, volume_usd_gib_month, intent_at, deadline_at, expires_at)^
insert into instances (validation_id, run_id, deployment, generation, client_token, tags, instance_type, market,
                       subnet_id, launch_parameters, price_usd_hour, volume_gib, volume_usd_gib_month, intent_at,
                       deadline_at, expires_at)
values (:validation_id, :run_id, :deployment, :generation, :client_token, :tags, :instance_type, :market,
        :subnet_id, :launch_parameters, :price_usd_hour, :volume_gib, :volume_usd_gib_month, :intent_at,
        :deadline_at, :expires_at)
returning *;

-- name: keep_launched(ledger_id, instance_id, availability_zone, launched_at)!
-- An intent that was closed meanwhile stays closed: its instance is found by tag.
update instances
set instance_id = :instance_id, availability_zone = coalesce(:availability_zone, availability_zone),
    state = case when state = 'intent' then 'pending'::instance_state else state end,
    launched_at = coalesce(launched_at, :launched_at, clock_timestamp())
where ledger_id = :ledger_id and state <> 'not_launched';

-- name: adopt_late(ledger_id, instance_id)!
-- The closed row stays as it is: it freed its place, and another attempt may have followed it.
insert into instances (deployment, generation, client_token, tags, instance_id, instance_type, market, subnet_id, state,
                       origin, intent_at, launched_at, deadline_at, expires_at, price_usd_hour, volume_gib,
                       volume_usd_gib_month, termination_reason, termination_detail)
select deployment, 1, 'adopted-' || :instance_id, tags, :instance_id, instance_type, market, subnet_id, 'pending',
       'adopted', intent_at, clock_timestamp(), deadline_at, expires_at, price_usd_hour, volume_gib,
       volume_usd_gib_month, 'launch_failed', 'it came after its intent was given up'
from instances where ledger_id = :ledger_id
on conflict do nothing;

-- name: keep_price(ledger_id, price_usd_hour)!
update instances set price_usd_hour = :price_usd_hour where ledger_id = :ledger_id;

-- name: keep_command_start(ledger_id, started_at)!
update instances set command_started_at = coalesce(command_started_at, :started_at) where ledger_id = :ledger_id;

-- name: keep_command_end(ledger_id, ended_at)!
update instances set command_ended_at = coalesce(command_ended_at, :ended_at)
where ledger_id = :ledger_id and command_started_at is not null;

-- name: observe_state(ledger_id, state, state_reason, inferred_reason, ended_at)!
-- Observations may arrive late or twice: only a change that the rules allow is kept. An end of which not even the
-- shutting-down was seen was where EC2 says, but not before what was seen until then.
update instances i
set state = :state::instance_state,
    state_reason = coalesce(:state_reason, i.state_reason),
    ended_at = case when :state::instance_state not in ('terminated', 'not_launched') then null
                    when i.state = 'shutting-down' or (:ended_at)::timestamptz is null then clock_timestamp()
                    else least(clock_timestamp(),
                               greatest((:ended_at)::timestamptz, (select max(c.observed_at)
                                                                   from instance_state_changes c
                                                                   where c.ledger_id = i.ledger_id))) end,
    termination_reason = case when :state::instance_state in ('terminated', 'not_launched')
                              then coalesce(i.termination_reason, :inferred_reason::termination_reason)
                              else i.termination_reason end
where i.ledger_id = :ledger_id and i.state <> :state::instance_state and exists (
  select from allowed_transitions t
  where t.machine = 'instance' and t.from_state = i.state::text and t.to_state = :state::instance_state::text);

-- name: intend_termination(ledger_id, termination_reason, termination_detail)!
-- The first reason is the true one; what comes after it only finds the instance ending.
update instances
set termination_reason = :termination_reason, termination_detail = :termination_detail
where ledger_id = :ledger_id and termination_reason is null;

-- name: live_of_run(run_id)
select * from instances where run_id = :run_id and state not in ('terminated', 'not_launched');

-- name: live_of_deployment(deployment)
select * from instances where deployment = :deployment and state not in ('terminated', 'not_launched');

-- name: state_changes(ledger_id)
select from_state, to_state, observed_at from instance_state_changes where ledger_id = :ledger_id order by observed_at;

-- name: generations_of_validation(validation_id)
select * from instances where validation_id = :validation_id order by generation;

-- name: has_terminated_notice(instance_id)$
select exists (select from external_notices where instance_id = :instance_id and kind = 'terminated');

-- name: ledger_row(ledger_id)^
select * from instances where ledger_id = :ledger_id;

-- name: give_up(ledger_id)!
update instances set given_up_at = coalesce(given_up_at, clock_timestamp()) where ledger_id = :ledger_id;
