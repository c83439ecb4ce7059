-- about: One row per calendar date and currency on which something was invoiced or credited.
-- column: day | Date of the documents, the company's calendar.
-- column: currency | ISO 4217 code of the amounts.
-- column: invoices_count | Invoices issued.
-- column: credit_notes_count | Credit notes issued.
-- column: invoiced_net | Net of the invoices.
-- column: credited_net | Net of the credit notes, positive.
-- column: revenue | `invoiced_net` less `credited_net`: revenue at shipping, without tax.
-- column: tax | Tax invoiced less tax credited.
-- expect: revenue = invoiced_net - credited_net
with documents as (
    select issued_on, currency, 1 as invoices, 0 as credit_notes, net as invoiced, 0 as credited, tax
    from facts.invoice_generated
    union all by name
    select issued_on, currency, 0 as invoices, 1 as credit_notes, 0 as invoiced, net as credited, -tax as tax
    from facts.credit_note_issued
)
select
    issued_on as day,
    currency,
    sum(invoices)::bigint as invoices_count,
    sum(credit_notes)::bigint as credit_notes_count,
    sum(invoiced)::decimal(18, 2) as invoiced_net,
    sum(credited)::decimal(18, 2) as credited_net,
    (sum(invoiced) - sum(credited))::decimal(18, 2) as revenue,
    sum(tax)::decimal(18, 2) as tax
from documents
group by issued_on, currency
