-- name: keep_report_terms(ledger_id, proof_key, engine)!
insert into report_terms (ledger_id, proof_key, engine) values (:ledger_id, :proof_key, :engine)
on conflict (ledger_id) do nothing;

-- name: report_terms(ledger_id)^
select proof_key, engine from report_terms where ledger_id = :ledger_id;
