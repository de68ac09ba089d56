-- name: end_turns_on(ledger_id)!
-- Those whose validation or instance has ended, or whose claim has.
update turns t set ended_at = clock_timestamp()
from repository_validations v, instances i
where t.ledger_id = :ledger_id and v.validation_id = t.validation_id and i.ledger_id = t.ledger_id and t.ended_at is null
  and (v.finished_at is not null or i.given_up_at is not null or i.ended_at is not null
       or (t.fence is not null and not exists (select from tasks k where k.fence = t.fence)));

-- name: begin_turn_of_task(validation_id, ledger_id, fence)!
-- On a machine that it was on before it begins anew: what happened there under an earlier claim says nothing any more.
insert into turns (validation_id, ledger_id, fence, number)
select :validation_id, :ledger_id, :fence, coalesce(max(number), 0) + 1 from turns where validation_id = :validation_id
on conflict (validation_id, ledger_id) do update
set fence = excluded.fence, number = excluded.number, began_at = clock_timestamp(), command_started_at = null,
    first_sign_at = null, ended_at = null
where turns.fence is distinct from excluded.fence;

-- name: end_turn_of_task(fence)!
update turns set ended_at = coalesce(ended_at, clock_timestamp()) where fence = :fence;
