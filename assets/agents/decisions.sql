-- about: One row per decision that an agent proposed, with what became of it.
-- column: id | The decision.
-- column: number | Number people read aloud, unique.
-- column: function | Whose right it takes to decide: procurement or category.
-- column: agent | Who proposed it: reorder or pricing.
-- column: sku | The product it is about.
-- column: status | proposed, executed, rejected, expired, superseded or stale; expired once its time is over, recorded or not.
-- column: kind | reorder or price.
-- column: origin | claude, formula, or fallback: the formula's because Claude's answer could not be had.
-- column: fallback_reason | Why it could not: overloaded, billing, auth, timeout, refusal, invalid, guard, budget and others.
-- column: reason | A code such as SUPPLIER_LATE; NONE when the figures say it all.
-- column: rationale | Why, in a sentence or two for people.
-- column: supplier_id | Of a reorder: whom to order from.
-- column: quantity | Of a reorder: pieces.
-- column: formula_quantity | Of a reorder: the formula's own answer.
-- column: current_price | Of a price: what it is.
-- column: new_price | Of a price: what it is to be.
-- column: formula_price | Of a price: the formula's own answer.
-- column: amount | What the purchase order comes to, or the new price.
-- column: currency | ISO 4217 code of the amount.
-- column: contract_version | The contract it was made by.
-- column: snapshot_hash | SHA-256 of what it was decided from.
-- column: seen_event_number | Number of the newest event it had seen.
-- column: guards_failed | Names of guards that did not let it pass.
-- column: model_call_id | The call that Claude's answer came by; null without one.
-- column: rejection_code | Why it was rejected: quantity, price, supplier, timing, figures or other.
-- column: decision_reason | What the person who decided said.
-- column: decided_by | Who approved or rejected it.
-- column: effect_stream | purchase_order or product, once executed.
-- column: effect_id | The purchase order, or the product.
-- column: superseded_by | The newer decision that took its place.
-- column: version | Number of the newest event of its stream.
-- column: last_event_id | The newest event of its stream.
-- column: proposed_at | When it was proposed.
-- column: expires_at | From then on it could no longer be approved.
-- column: ended_at | When it was decided on or fell away; null while it waits or nobody recorded its expiry.
-- column: hours_to_decision | From proposal to a person's yes or no; null without one.
-- expect: sku <> '' and rationale <> ''
-- expect: (status = 'executed') = (effect_id is not null)
-- expect: origin <> 'fallback' or fallback_reason is not null
with ends as (
    select aggregate_id, version, event_id, effective_at, 'executed' as status, effect_stream, effect_id
    from facts.decision_executed
    union all by name
    select aggregate_id, version, event_id, effective_at, 'rejected' as status, reason_code
    from facts.decision_rejected
    union all by name
    select aggregate_id, version, event_id, effective_at, 'expired' as status from facts.decision_expired
    union all by name
    select aggregate_id, version, event_id, effective_at, 'superseded' as status, by_decision_id
    from facts.decision_superseded
    union all by name
    select aggregate_id, version, event_id, effective_at, 'stale' as status from facts.decision_stale
),
ended as (
    select * from ends qualify row_number() over (partition by aggregate_id order by version desc) = 1
),
verdicts as (
    select aggregate_id, effective_at, created_by, reason from facts.decision_approved
    union all by name
    select aggregate_id, effective_at, created_by, reason from facts.decision_rejected
)
select
    proposed.aggregate_id as id,
    proposed.number,
    proposed.function,
    proposed.agent,
    proposed.sku,
    coalesce(ended.status, if(proposed.expires_at <= getvariable('as_of'), 'expired', 'proposed')) as status,
    proposed.proposal.kind as kind,
    proposed.origin,
    proposed.fallback_reason,
    proposed.reason,
    proposed.rationale,
    proposed.proposal.supplier_id as supplier_id,
    proposed.proposal.quantity as quantity,
    proposed.formula.quantity as formula_quantity,
    proposed.proposal.current_price as current_price,
    proposed.proposal.new_price as new_price,
    proposed.formula.new_price as formula_price,
    proposed.amount,
    proposed.currency,
    proposed.contract_version,
    proposed.snapshot_hash,
    proposed.as_of.event_number as seen_event_number,
    coalesce(
        list_transform(list_filter(proposed.guards, lambda guard: not guard.has_passed), lambda guard: guard.name),
        []
    ) as guards_failed,
    proposed.model_call_id,
    ended.reason_code as rejection_code,
    verdicts.reason as decision_reason,
    verdicts.created_by as decided_by,
    ended.effect_stream,
    ended.effect_id,
    ended.by_decision_id as superseded_by,
    coalesce(ended.version, proposed.version) as version,
    coalesce(ended.event_id, proposed.event_id) as last_event_id,
    proposed.effective_at as proposed_at,
    proposed.expires_at,
    ended.effective_at as ended_at,
    (epoch(verdicts.effective_at - proposed.effective_at) / 3600)::decimal(9, 2) as hours_to_decision
from facts.decision_proposed as proposed
left join ended using (aggregate_id)
left join verdicts using (aggregate_id)
