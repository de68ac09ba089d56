-- What it cost to propose a repair; `cost_usd` is that and its experiments.

set local search_path = janitor;

alter table repairs add column proposal_usd numeric(12, 6) check (proposal_usd >= 0);
