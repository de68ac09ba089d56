-- What changed between what a report and the last conclusive one are about: commits, images, packages, machine. The
-- reports themselves are kept whole, so that nothing else of it needs a column.

set local search_path = janitor;

-- Null where one of the two reports isn't at hand; the form is `ProvenanceChanges`.
alter table report_differences add column changes jsonb;
