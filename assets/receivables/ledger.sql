-- about: One row per movement of what a customer owes; summed to any date they are what was owed on it.
-- column: event_id | The fact that moved it.
-- column: account_id | The customer's account.
-- column: customer_id | The customer, as a pseudonym.
-- column: kind | The fact, as in the log.
-- column: invoice_id | The invoice whose open amount moves; null when none does.
-- column: document_id | The payment or credit note that moves; null on invoices and write-offs.
-- column: currency | ISO 4217 code of the amounts.
-- column: invoice_amount | Change of what is open on the invoice.
-- column: unapplied_amount | Change of cash and credits on account, negative for more of them.
-- column: amount | Change of what the customer owes in all.
-- column: booked_on | From this calendar date on it counts.
-- expect: amount = invoice_amount + unapplied_amount
-- expect: booked_on is not null and customer_id is not null
with documents as (
    select payment_id as document_id, received_on as dated_on, correlation_id, currency from facts.payment_received
    union all by name
    select credit_note_id as document_id, issued_on as dated_on, correlation_id, currency from facts.credit_note_issued
),
customers as (
    select aggregate_id, customer_id from facts.invoice_generated
    union
    select aggregate_id, customer_id from facts.payment_received
    union
    select aggregate_id, customer_id from facts.credit_note_issued
),
applied as (
    select event_id, aggregate_id, correlation_id, effective_at, 'payment.allocated' as kind,
        invoice_id, payment_id as document_id, -amount as invoice_amount, amount as unapplied_amount
    from facts.payment_allocated
    union all by name
    select event_id, aggregate_id, correlation_id, effective_at, 'payment.unallocated' as kind,
        invoice_id, payment_id as document_id, amount as invoice_amount, -amount as unapplied_amount
    from facts.payment_unallocated
    union all by name
    select event_id, aggregate_id, correlation_id, effective_at, 'credit_note.allocated' as kind,
        invoice_id, credit_note_id as document_id, -amount as invoice_amount, amount as unapplied_amount
    from facts.credit_note_allocated
    union all by name
    select event_id, aggregate_id, correlation_id, effective_at, 'payment.refunded' as kind,
        null as invoice_id, payment_id as document_id, 0 as invoice_amount, amount as unapplied_amount
    from facts.payment_refunded
    union all by name
    select event_id, aggregate_id, correlation_id, effective_at, 'credit_note.refunded' as kind,
        null as invoice_id, credit_note_id as document_id, 0 as invoice_amount, amount as unapplied_amount
    from facts.credit_note_refunded
),
invoices as (select invoice_id, issued_on, currency from facts.invoice_generated),
movements as (
    select event_id, aggregate_id, 'invoice.generated' as kind, invoice_id, null::uuid as document_id, currency,
        total as invoice_amount, 0 as unapplied_amount, issued_on as booked_on
    from facts.invoice_generated
    union all by name
    select event_id, aggregate_id, 'payment.received' as kind, null as invoice_id, payment_id as document_id, currency,
        0 as invoice_amount, -amount as unapplied_amount, received_on as booked_on
    from facts.payment_received
    union all by name
    select event_id, aggregate_id, 'credit_note.issued' as kind, null as invoice_id, credit_note_id as document_id,
        currency, 0 as invoice_amount, -total as unapplied_amount, issued_on as booked_on
    from facts.credit_note_issued
    union all by name
    select gone.event_id, gone.aggregate_id, 'invoice.written_off' as kind, gone.invoice_id,
        null::uuid as document_id, invoices.currency, -gone.amount as invoice_amount, 0 as unapplied_amount,
        greatest((gone.effective_at at time zone getvariable('time_zone'))::date, invoices.issued_on) as booked_on
    from facts.invoice_written_off as gone
    join invoices using (invoice_id)
    union all by name
    select applied.event_id, applied.aggregate_id, applied.kind, applied.invoice_id, applied.document_id,
        documents.currency, applied.invoice_amount, applied.unapplied_amount,
        -- what was applied by the very command that brought it counts from the document's own date
        greatest(
            if(
                applied.correlation_id = documents.correlation_id,
                documents.dated_on,
                (applied.effective_at at time zone getvariable('time_zone'))::date
            ),
            documents.dated_on,
            invoices.issued_on
        ) as booked_on
    from applied
    join documents using (document_id)
    left join invoices using (invoice_id)
)
select
    movements.event_id,
    movements.aggregate_id as account_id,
    customers.customer_id,
    movements.kind,
    movements.invoice_id,
    movements.document_id,
    movements.currency,
    movements.invoice_amount::decimal(18, 2) as invoice_amount,
    movements.unapplied_amount::decimal(18, 2) as unapplied_amount,
    (movements.invoice_amount + movements.unapplied_amount)::decimal(18, 2) as amount,
    movements.booked_on
from movements
left join customers using (aggregate_id)
