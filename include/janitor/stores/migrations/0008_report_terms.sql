-- What an instance was told that its report is judged by. Rows of before this migration have none.

set local search_path = janitor;

create table report_terms (
  ledger_id bigint primary key references instances on delete cascade,
  proof_key bytea not null check (octet_length(proof_key) = 32),
  engine    text not null check (engine in ('auto', 'docker', 'venv')),
  told_at   timestamptz not null default clock_timestamp()
);

-- Who may read results must not be able to make one. A policy and not the absence of a grant alone: another migration
-- may grant on all tables.
alter table report_terms enable row level security;
create policy report_terms_of_the_writer on report_terms to janitor_write using (true) with check (true);
grant select, insert on report_terms to janitor_write;
