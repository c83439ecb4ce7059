"""Customers, dealers, price lists and suppliers over HTTP: everybody sees and does what is theirs."""

from __future__ import annotations

from warehouse.clock import now
from warehouse.ids import new_id

ADDRESS = {"recipient": "Asha", "street": "1 Well Lane", "city": "Pune", "postal_code": "411001", "country": "IN"}


def test_a_customer_keeps_their_own_profile(town):
    asha = town.consumer()
    assert asha.get("/api/v1/customers/profile").json()["name"] == "Asha"
    changed = asha.put("/api/v1/customers/profile", {"name": "Asha Rao", "email": "asha@example.com", "phone": "+91 1"})
    assert changed.json()["name"] == "Asha Rao"
    added = asha.post("/api/v1/customers/profile/addresses", {"label": "home", "address": ADDRESS})
    assert added.json()["addresses"][0]["address"]["city"] == "Pune"
    taken = town.consumer("bela").put("/api/v1/customers/profile", {"name": "Bela", "email": "asha@example.com"})
    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")


def test_a_consumer_becomes_a_dealer_by_a_colleagues_approval(town):
    asha, sten = town.consumer(), town.staff()
    assert asha.get("/api/v1/dealers/pricing").status_code == 403
    applied = asha.post("/api/v1/dealers/apply", {"company_name": "Asha Pumps"})
    assert applied.json()["dealer_status"] == "applied"
    (waiting,) = sten.get("/api/v1/dealers?dealer_status=applied").json()["items"]
    terms = {"tier": "premium", "discount_rate": "0.15", "credit_limit": None, "terms": "net_30"}
    approved = sten.post(f"/api/v1/dealers/{waiting['id']}/approve", terms)
    assert approved.json()["user_type"] == "dealer", approved.text
    assert asha.get("/api/v1/dealers/pricing").status_code == 200
    suspended = sten.post(f"/api/v1/dealers/{waiting['id']}/suspend", {"reason": "unpaid"})
    assert suspended.json()["dealer_status"] == "suspended"
    unknown = sten.post(f"/api/v1/dealers/{new_id(now())}/approve", terms)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "customer_not_found")


def test_a_dealer_sees_their_own_prices(town):
    town.product("P-1", price="100.00")
    town.product("P-2", price="50.00", cost=None)
    deva, sten = town.dealer(), town.staff()
    made = sten.post("/api/v1/category/price-lists", {"name": "Deva", "customer_id": str(deva.id)})
    assert made.status_code == 201, made.text
    lines = f"/api/v1/category/price-lists/{made.json()['id']}/lines"
    line = {"scope": "product", "sku": "P-1", "unit_price": "70.00", "valid_from": "2026-01-01", "minimum_quantity": 10}
    assert sten.post(lines, line).json()["lines"][0]["unit_price"] == "70.00"

    def prices(quantity):
        found = deva.get(f"/api/v1/dealers/pricing?quantity={quantity}").json()["items"]
        return {one["sku"]: (one["unit_price"], one["source"]) for one in found}

    assert prices(1) == {"P-1": ("90.0000", "dealer_discount"), "P-2": ("45.0000", "dealer_discount")}
    assert prices(10)["P-1"] == ("70.00", "own_list")
    gone = sten.delete(f"{lines}?scope=product&sku=P-1&valid_from=2026-01-01&minimum_quantity=10")
    assert gone.json()["lines"] == []
    assert prices(10)["P-1"] == ("90.0000", "dealer_discount")


def test_staff_find_customers(town):
    asha, bela, sten = town.consumer("asha"), town.consumer("bela"), town.staff()
    town.dealer("deva")
    names = [one["name"] for one in sten.get("/api/v1/customers").json()["items"]]
    assert names == ["Deva", "Bela", "Asha"]
    assert [one["name"] for one in sten.get("/api/v1/customers?search=BEL").json()["items"]] == ["Bela"]
    assert [one["name"] for one in sten.get("/api/v1/customers?user_type=dealer").json()["items"]] == ["Deva"]
    assert sten.get(f"/api/v1/customers/{asha.id}").json()["email"] == "asha@example.com"
    assert bela.get(f"/api/v1/customers/{asha.id}").status_code == 403


def test_a_purchase_order_goes_from_draft_to_the_shelf_and_nobody_approves_their_own(town):
    town.product(stock=0)
    ida, jo = town.staff(name="ida"), town.staff(name="jo")
    supplier = ida.post("/api/v1/procurement/suppliers", {"name": "Castings Ltd"})
    assert supplier.status_code == 201, supplier.text
    lines = [{"sku": "P-1", "quantity": 100, "unit_cost": "60.00"}]
    wish = {"supplier_id": supplier.json()["id"], "lines": lines}
    drafted = ida.post("/api/v1/procurement/purchase-orders", wish).json()
    assert (drafted["status"], drafted["needs_approval"]) == ("draft", True)
    base = f"/api/v1/procurement/purchase-orders/{drafted['id']}"
    assert ida.post(f"{base}/send").json()["code"] == "approval_needed"
    own = ida.post(f"{base}/approve")
    assert (own.status_code, own.json()["code"]) == (403, "own_purchase_order")
    assert jo.post(f"{base}/approve").json()["status"] == "approved"
    assert ida.post(f"{base}/send").json()["status"] == "sent"
    assert ida.post(f"{base}/confirm", {"expected_on": "2026-12-01"}).json()["status"] == "confirmed"
    part = ida.post(f"{base}/receive", {"lines": [{"line_no": 1, "quantity": 30}]}, Idempotency_Key="r")
    again = ida.post(f"{base}/receive", {"lines": [{"line_no": 1, "quantity": 30}]}, Idempotency_Key="r")
    assert part.json() == again.json()
    assert part.json()["lines"][0]["open_quantity"] == 70
    assert ida.post(f"{base}/receive").json()["status"] == "received"
    assert ida.get("/api/v1/fulfillment/inventory?sku=P-1").json()["items"][0]["on_hand"] == 100
    assert [one["id"] for one in ida.get("/api/v1/procurement/purchase-orders?status=received").json()["items"]] == [
        drafted["id"]
    ]
    assert ida.get("/api/v1/procurement/suppliers?search=cast").json()["items"][0]["name"] == "Castings Ltd"


def test_stock_moves_counts_and_arrives(town):
    town.product(stock=10)
    sten = town.staff()
    base = "/api/v1/fulfillment/inventory"
    moved = sten.post(f"{base}/transfer", {"sku": "P-1", "to_location": "north", "quantity": 4})
    assert moved.json()["on_hand"] == 6, moved.text
    assert sten.post(f"{base}/count", {"sku": "P-1", "counted_quantity": 5}).json()["on_hand"] == 5
    assert sten.post(f"{base}/receive", {"sku": "P-1", "quantity": 1}).status_code == 201
    shown = {one["location"]: one["on_hand"] for one in sten.get(f"{base}?sku=P-1").json()["items"]}
    assert shown == {"main": 6, "north": 4}


def test_money_is_taken_put_and_taken_back(town):
    deva, sten = town.dealer(), town.staff()
    town.product()
    order_id = town.order(deva, ("P-1", 1))
    for step in ("pick", "pack", "ship"):
        sten.post(f"/api/v1/fulfillment/orders/{order_id}/{step}")
    (invoice,) = sten.get(f"/api/v1/ar/invoices?status=open&customer_id={deva.id}").json()["items"]
    base = f"/api/v1/ar/invoices/{invoice['id']}"
    assert sten.post(f"{base}/send").json()["number"] == invoice["number"]
    assert deva.post(f"{base}/dispute", {"reason": "wrong pump"}).json()["status"] == "disputed"
    money = {"customer_id": str(deva.id), "amount": "150.00", "received_on": "2026-11-22"}
    paid = sten.post("/api/v1/ar/payments", money).json()
    assert (paid["amount"], paid["left"]) == ("150.00", "51.00")
    back = {"invoice_id": invoice["id"], "amount": "50.00", "reason": "for another order"}
    account = sten.post(f"/api/v1/ar/payments/{paid['id']}/unallocate", back).json()
    assert (account["open_amount"], account["unapplied_amount"]) == ("50.00", "101.00")
    put = {"invoice_id": invoice["id"], "amount": "20.00"}
    assert sten.post(f"/api/v1/ar/payments/{paid['id']}/allocate", put).json()["open_amount"] == "30.00"
    refund = {"customer_id": str(deva.id), "amount": "81.00", "reason": "overpaid"}
    assert sten.post(f"/api/v1/ar/payments/{paid['id']}/refund", refund).json()["unapplied_amount"] == "0.00"
    assert sten.post(f"{base}/write-off", {"reason": "too small"}).json()["status"] == "settled"
    assert sten.get(f"/api/v1/ar/accounts/{deva.id}").json()["open_amount"] == "0.00"
    assert sten.get("/api/v1/ar/invoices?status=open").json()["items"] == []
    held = sten.post(f"/api/v1/ar/accounts/{deva.id}/hold", {"reason": "late"})
    assert held.json()["is_held"] is True
    assert sten.post(f"/api/v1/ar/accounts/{deva.id}/release", {"reason": "paid"}).json()["is_held"] is False


def test_an_invoice_is_corrected_by_a_credit_note(town):
    deva, sten = town.dealer(), town.staff()
    town.product()
    order_id = town.order(deva, ("P-1", 2))
    for step in ("pick", "pack", "ship", "deliver"):
        sten.post(f"/api/v1/fulfillment/orders/{order_id}/{step}")
    (invoice,) = deva.get("/api/v1/ar/invoices").json()["items"]
    note = {"lines": [{"line_no": 1, "quantity": 1}], "reason": "scratched"}
    answer = sten.post(f"/api/v1/ar/invoices/{invoice['id']}/credit-note", note)
    assert answer.status_code == 201, answer.text
    assert deva.get(f"/api/v1/ar/invoices/{invoice['id']}").json()["open_amount"] == "99.00"
    path = f"/api/v1/ar/invoices/{invoice['id']}/credit-note"
    too_many = sten.post(path, {"lines": [{"line_no": 1, "quantity": 3}], "reason": "x"})
    assert (too_many.status_code, too_many.json()["code"]) == (409, "more_than_invoiced")
    unknown = sten.post(path, {"lines": [{"line_no": 9, "quantity": 1}], "reason": "x"})
    assert (unknown.status_code, unknown.json()["code"]) == (409, "unknown_line")


def test_another_ones_invoice_is_not_found(town):
    deva, other, sten = town.dealer(), town.dealer("dora"), town.staff()
    town.product()
    order_id = town.order(deva, ("P-1", 1))
    for step in ("pick", "pack", "ship"):
        sten.post(f"/api/v1/fulfillment/orders/{order_id}/{step}")
    (invoice,) = deva.get("/api/v1/ar/invoices").json()["items"]
    for answer in (
        other.get(f"/api/v1/ar/invoices/{invoice['id']}"),
        other.post(f"/api/v1/ar/invoices/{invoice['id']}/dispute", {"reason": "mine"}),
        sten.get(f"/api/v1/ar/invoices/{new_id(now())}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "invoice_not_found")
    assert other.get("/api/v1/ar/invoices").json()["items"] == []
    assert other.get("/api/v1/dealers/account").json()["open_amount"] == "0.00"


def test_a_search_goes_on_where_its_page_ended(town, monkeypatch):
    monkeypatch.setattr("api.reading.SCAN_ROWS", 2)
    for n in range(5):
        town.consumer(f"asha{n}")
    town.consumer("bela")
    sten = town.staff()
    found, address = [], "/api/v1/customers?search=ASHA&limit=2"
    while address:
        page = sten.get(address).json()
        found += [one["name"] for one in page["items"]]
        address = page["next"]
    assert found == ["Asha4", "Asha3", "Asha2", "Asha1", "Asha0"]


def test_a_search_looks_through_so_many_at_a_time_and_says_where_to_go_on(town, monkeypatch):
    monkeypatch.setattr("api.reading.SCAN_ROWS", 1)
    monkeypatch.setattr("api.reading.SCANNED_MAX", 2)
    for name in ("asha", "bela", "chen"):
        town.consumer(name)
    sten = town.staff()
    first = sten.get("/api/v1/customers?search=asha").json()
    assert first["items"] == []
    second = sten.get(first["next"]).json()
    assert [one["name"] for one in second["items"]] == ["Asha"]
