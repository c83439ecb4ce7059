-- about: What the aging table says is outstanding is what the ledger's movements sum to, customer by customer.
-- checks: receivables.aging
with owed as (
    select customer_id, currency, sum(amount) as amount
    from receivables.ledger
    where booked_on <= (select max(as_of_date) from receivables.aging)
    group by customer_id, currency
),
aged as (select customer_id, currency, outstanding from receivables.aging)
select owed.customer_id, owed.currency, owed.amount, aged.outstanding
from owed
left join aged using (customer_id, currency)
where owed.amount <> coalesce(aged.outstanding, 0)
