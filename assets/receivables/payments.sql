-- about: One row per payment and invoice it was put against, and one more for what stands on account.
-- column: id | The payment.
-- column: invoice_id | The invoice; null for the part on account.
-- column: customer_id | Who paid, as a pseudonym.
-- column: order_id | The order it was paid for beforehand; null otherwise.
-- column: payment_method | bank_transfer, card, cash, cheque or sandbox.
-- column: payment_reference | The payer's reference.
-- column: provider | The payment provider; null for others.
-- column: provider_reference | The provider's id of the payment.
-- column: currency | ISO 4217 code of the amount.
-- column: amount | Put against the invoice, or on account; a payment's rows sum to what came in less refunds.
-- column: payment_date | The day the money came in.
-- column: created_at | When it was recorded as received.
-- expect: amount > 0
with applied as (
    select payment_id, invoice_id, amount from facts.payment_allocated
    union all by name
    select payment_id, invoice_id, -amount as amount from facts.payment_unallocated
),
allocations as (
    select payment_id, invoice_id, sum(amount) as amount from applied group by payment_id, invoice_id
),
allocated as (select payment_id, sum(amount) as amount from allocations group by payment_id),
refunded as (select payment_id, sum(amount) as amount from facts.payment_refunded group by payment_id),
on_account as (
    select
        received.payment_id,
        null::uuid as invoice_id,
        received.amount - coalesce(allocated.amount, 0) - coalesce(refunded.amount, 0) as amount
    from facts.payment_received as received
    left join allocated using (payment_id)
    left join refunded using (payment_id)
),
parts as (
    select payment_id, invoice_id, amount from allocations
    union all by name
    select payment_id, invoice_id, amount from on_account
)
select
    received.payment_id as id,
    parts.invoice_id,
    received.customer_id,
    received.order_id,
    received.method as payment_method,
    received.reference as payment_reference,
    received.provider,
    received.provider_reference,
    received.currency,
    parts.amount::decimal(18, 2) as amount,
    received.received_on as payment_date,
    received.effective_at as created_at
from parts
join facts.payment_received as received using (payment_id)
where parts.amount <> 0
