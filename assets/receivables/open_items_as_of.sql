-- about: One row per invoice that was open on a date, with its age on it.
-- macro: open_items_as_of(as_of, basis)
with balances as (
    select invoice_id, sum(invoice_amount)::decimal(18, 2) as open_amount
    from receivables.ledger
    where invoice_id is not null and booked_on <= as_of::date
    group by invoice_id
    having sum(invoice_amount) <> 0
),
disputes as (select distinct invoice_id from facts.invoice_disputed)
select
    issued.invoice_id,
    issued.number as invoice_number,
    issued.customer_id,
    issued.order_id,
    issued.currency,
    issued.total as amount,
    balances.open_amount,
    issued.issued_on,
    issued.due_on,
    as_of::date - if(basis = 'invoice_date', issued.issued_on, issued.due_on) as age_days,
    case
        when age_days <= 0 then 'not_due'
        when age_days <= 30 then '1_30'
        when age_days <= 60 then '31_60'
        when age_days <= 90 then '61_90'
        else '90_plus'
    end as bucket,
    disputes.invoice_id is not null as is_disputed
from balances
join facts.invoice_generated as issued using (invoice_id)
left join disputes using (invoice_id)
