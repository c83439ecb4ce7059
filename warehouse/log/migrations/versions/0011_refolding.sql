-- Rebuilding in shares that processes divide among them. Design: docs/decisions/0032-refolding-in-shares.md.

create table jovey.refold_shares (
  first_id    uuid        not null constraint refold_shares_pkey primary key,
  last_id     uuid        not null,
  events      bigint      not null,
  code        varchar(64) not null,
  planned_at  timestamptz not null default now(),
  done_at     timestamptz
);
comment on table jovey.refold_shares is 'Ranges of streams that a rebuild under way folds, and which of them are done; empty when none is under way.';
alter table jovey.refold_shares owner to jovey_owner;
