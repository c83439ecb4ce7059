"""The company's day in minutes after midnight: what happens when, so that the log follows the clock."""

from __future__ import annotations

OPENING = 5  # the very first day only
WISHES = 30
COSTS, PRICES = 300, 320
GOODS_IN, RESTS_GIVEN_UP = 360, 362
INSPECTIONS = 390
LAPSES, REGRETS, CALLS_OFF, RELEASES, HOLDS = 400, 402, 404, 406, 408
ACCOUNTS = 410
COUNTS = 412
PREPAYMENTS, TRANSFERS = 420, 425
SHIFT, SHIFT_ENDS = 430, 530  # nothing else happens while parcels leave: a refused one must stand alone
APPROVALS = 532
SHOP, DEALERS_SHOP_CLOSES, SHOP_CLOSES = 545, 1020, 1310
REFUNDS = 605
RETURNS = 680
CONFIRMATIONS, PURCHASING = 740, 780
ARRIVALS, ARRIVALS_END = 780, 1020
DISPUTES, REMINDERS, WRITE_OFFS = 940, 960, 1000
INVOICES = 1085
NEWCOMERS = 1090
MARKET = 1350
