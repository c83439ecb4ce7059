"""What customers owe: invoices, payments, credit."""
