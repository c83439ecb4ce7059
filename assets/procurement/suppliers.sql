-- about: One row per supplier, as known now; contacts are personal and stay with the API.
-- column: id | The supplier.
-- column: name | Its name.
-- column: country | Where it is.
-- column: payment_terms | immediate, net_15, net_30 or net_60.
-- column: lead_time_days | Days from order to goods, as promised.
-- column: measured_lead_time_days | Days from sending an order to its first receipt, mean over its orders.
-- column: quality_rating | 0 to 5.
-- column: notes | Words about it.
-- column: created_at | When it was taken on.
-- column: updated_at | When it last changed.
-- column: active | False once nothing more is ordered from it.
-- expect: name <> ''
-- expect: quality_rating is null or quality_rating between 0 and 5
with known as (
    select aggregate_id, version, effective_at, name, country, payment_terms, lead_time_days, quality_rating, notes
    from facts.supplier_created
    union all by name
    select aggregate_id, version, effective_at, name, country, payment_terms, lead_time_days, quality_rating, notes
    from facts.supplier_updated
),
newest as (
    select aggregate_id, arg_max(known, version) as words, max(effective_at) as updated_at
    from known
    group by aggregate_id
),
ended as (select aggregate_id, max(effective_at) as ended_at from facts.supplier_deactivated group by aggregate_id),
first_receipts as (
    select aggregate_id, min(received_on) as received_on from facts.purchase_order_received group by aggregate_id
),
lead_times as (
    select
        created.supplier_id,
        avg(receipts.received_on - (sent.effective_at at time zone getvariable('time_zone'))::date)
            ::decimal(9, 2) as days
    from facts.purchase_order_created as created
    join facts.purchase_order_sent as sent using (aggregate_id)
    join first_receipts as receipts using (aggregate_id)
    group by created.supplier_id
)
select
    created.aggregate_id as id,
    newest.words.name as name,
    newest.words.country as country,
    newest.words.payment_terms as payment_terms,
    newest.words.lead_time_days as lead_time_days,
    lead_times.days as measured_lead_time_days,
    newest.words.quality_rating as quality_rating,
    newest.words.notes as notes,
    created.effective_at as created_at,
    greatest(newest.updated_at, ended.ended_at) as updated_at,
    ended.aggregate_id is null as active
from facts.supplier_created as created
join newest using (aggregate_id)
left join ended using (aggregate_id)
left join lead_times on lead_times.supplier_id = created.aggregate_id
