-- about: One row per customer and currency with anything open or on account on a date: what they owed, by age.
-- macro: aging_as_of(as_of, basis)
with items as (
    select
        customer_id,
        currency,
        sum(open_amount) filter (where bucket = 'not_due') as not_due,
        sum(open_amount) filter (where bucket = '1_30') as "1_30",
        sum(open_amount) filter (where bucket = '31_60') as "31_60",
        sum(open_amount) filter (where bucket = '61_90') as "61_90",
        sum(open_amount) filter (where bucket = '90_plus') as "90_plus",
        sum(open_amount) filter (where is_disputed) as disputed_amount,
        count(*) as open_invoices_count,
        min(due_on) as oldest_due_on
    from receivables.open_items_as_of(as_of, basis)
    group by customer_id, currency
),
credits as (
    select customer_id, currency, sum(unapplied_amount) as unapplied
    from receivables.ledger
    where booked_on <= as_of::date
    group by customer_id, currency
    having sum(unapplied_amount) <> 0
),
rows as (
    select
        coalesce(items.customer_id, credits.customer_id) as customer_id,
        coalesce(items.currency, credits.currency) as currency,
        coalesce(items.open_invoices_count, 0) as open_invoices_count,
        coalesce(items.not_due, 0)::decimal(18, 2) as not_due,
        coalesce(items."1_30", 0)::decimal(18, 2) as "1_30",
        coalesce(items."31_60", 0)::decimal(18, 2) as "31_60",
        coalesce(items."61_90", 0)::decimal(18, 2) as "61_90",
        coalesce(items."90_plus", 0)::decimal(18, 2) as "90_plus",
        coalesce(credits.unapplied, 0)::decimal(18, 2) as unapplied,
        coalesce(items.disputed_amount, 0)::decimal(18, 2) as disputed_amount,
        items.oldest_due_on
    from items
    full join credits on items.customer_id = credits.customer_id and items.currency = credits.currency
)
select
    customer_id,
    currency,
    open_invoices_count,
    not_due,
    "1_30",
    "31_60",
    "61_90",
    "90_plus",
    unapplied,
    (not_due + "1_30" + "31_60" + "61_90" + "90_plus" + unapplied)::decimal(18, 2) as outstanding,
    disputed_amount,
    oldest_due_on,
    as_of::date as as_of_date,
    basis as aging_basis
from rows
