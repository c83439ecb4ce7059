-- about: One row per issued invoice, with what became of it.
-- column: id | The invoice.
-- column: invoice_number | Gap-free number of its series.
-- column: order_id | The order it bills; null without one.
-- column: order_number | That order's number.
-- column: shipment_id | The shipment it bills.
-- column: customer_id | Who is billed, as a pseudonym.
-- column: status | sent, overdue, paid, written_off or cancelled (credited in full); draft does not occur.
-- column: payment_terms | immediate, net_15, net_30 or net_60.
-- column: payment_method | Of the newest payment put against it.
-- column: notes | Why it is disputed, if it is.
-- column: currency | ISO 4217 code of the amounts.
-- column: net | Net as issued.
-- column: tax | Tax as issued.
-- column: amount | Net and tax as issued.
-- column: paid_amount | Payments put against it.
-- column: credited_amount | Credit notes put against it.
-- column: written_off_amount | Given up.
-- column: open_amount | `amount` less paid, credited and written off.
-- column: issued_on | Date on the invoice.
-- column: due_date | Last day that is not overdue.
-- column: paid_date | When nothing was open any more; null while something is.
-- column: days_overdue | Today less `due_date`, negative before it; null once nothing is open.
-- column: is_disputed | The customer contests it.
-- column: version | Number of the newest event about it in its account.
-- column: last_event_id | That event.
-- column: created_at | When it was issued.
-- column: updated_at | When it last changed.
-- expect: net + tax = amount
-- expect: open_amount = amount - paid_amount - credited_amount - written_off_amount
-- expect: open_amount >= 0
with touches as (
    select invoice_id, version, event_id, effective_at from facts.invoice_generated
    union all by name
    select invoice_id, version, event_id, effective_at from facts.invoice_sent
    union all by name
    select invoice_id, version, event_id, effective_at from facts.invoice_disputed
    union all by name
    select invoice_id, version, event_id, effective_at from facts.invoice_written_off
    union all by name
    select invoice_id, version, event_id, effective_at from facts.payment_allocated
    union all by name
    select invoice_id, version, event_id, effective_at from facts.payment_unallocated
    union all by name
    select invoice_id, version, event_id, effective_at from facts.credit_note_allocated
    union all by name
    select invoice_id, version, event_id, effective_at from facts.reminder_sent
),
newest as (
    select
        invoice_id,
        max(version) as version,
        arg_max(event_id, version) as event_id,
        arg_max(effective_at, version) as updated_at
    from touches
    group by invoice_id
),
balances as (
    select
        invoice_id,
        coalesce(-sum(invoice_amount) filter (where kind like 'payment.%'), 0)::decimal(18, 2) as paid,
        coalesce(-sum(invoice_amount) filter (where kind = 'credit_note.allocated'), 0)::decimal(18, 2) as credited,
        coalesce(-sum(invoice_amount) filter (where kind = 'invoice.written_off'), 0)::decimal(18, 2) as written_off,
        sum(invoice_amount)::decimal(18, 2) as open_amount,
        max(booked_on) as moved_on
    from receivables.ledger
    where invoice_id is not null
    group by invoice_id
),
methods as (
    select allocated.invoice_id, arg_max(received.method, allocated.position) as method
    from facts.payment_allocated as allocated
    join facts.payment_received as received using (payment_id)
    group by allocated.invoice_id
),
disputes as (
    select invoice_id, arg_max(reason, version) as reason from facts.invoice_disputed group by invoice_id
)
select
    issued.invoice_id as id,
    issued.number as invoice_number,
    issued.order_id,
    issued.order_number,
    issued.shipment_id,
    issued.customer_id,
    case
        when balances.open_amount > 0
            then if(issued.due_on < getvariable('today'), 'overdue', 'sent')
        when issued.total > 0 and balances.credited = issued.total then 'cancelled'
        when balances.written_off > 0 then 'written_off'
        else 'paid'
    end as status,
    issued.terms as payment_terms,
    methods.method as payment_method,
    disputes.reason as notes,
    issued.currency,
    issued.net,
    issued.tax,
    issued.total as amount,
    balances.paid as paid_amount,
    balances.credited as credited_amount,
    balances.written_off as written_off_amount,
    balances.open_amount,
    issued.issued_on,
    issued.due_on as due_date,
    if(balances.open_amount = 0, balances.moved_on, null) as paid_date,
    if(balances.open_amount = 0, null, getvariable('today') - issued.due_on) as days_overdue,
    disputes.invoice_id is not null as is_disputed,
    newest.version,
    newest.event_id as last_event_id,
    issued.effective_at as created_at,
    newest.updated_at
from facts.invoice_generated as issued
join newest using (invoice_id)
join balances using (invoice_id)
left join methods using (invoice_id)
left join disputes using (invoice_id)
