"""Every line of the file has one treatment, and what cannot be imported is named before anything is written."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from orchestration.imports.source import TREATMENTS, BadFile, read_lines


def test_every_kind_of_dirt_has_its_treatment(write, dirt):
    lines = read_lines(write(dirt))
    by_invoice = {}
    for invoice, code, treatment in lines.select("invoice", "code", "treatment").iter_rows():
        by_invoice.setdefault(invoice, []).append((code, treatment))
    assert by_invoice["500001"] == [
        ("10001", "sale"),
        ("10001", "sale"),
        ("10002A", "sale"),
        ("POST", "charge"),
        ("10003", "free_goods"),
    ]
    assert by_invoice["500003"] == [("10004", "found")]
    assert by_invoice["500004"] == [("10004", "write_off")]
    assert by_invoice["500005"] == [("POST", "no_effect")]
    assert by_invoice["C500007"] == [("10001", "goods_credit"), ("D", "discount_credit"), ("M", "charge_credit")]
    assert by_invoice["A500010"] == [("B", "bad_debt")]
    assert set(Counter(lines["treatment"])) == set(TREATMENTS)


def test_an_invoice_stands_together_at_its_first_minute(write, dirt):
    lines = read_lines(write(dirt))
    assert [row for (row,) in lines.filter(pl.col("invoice") == "500013").select("row").iter_rows()] == [22, 24]
    assert lines["invoice"].rle().len() == lines["invoice"].n_unique()
    assert lines.filter(pl.col("invoice") == "500001")["at"].n_unique() == 1


def test_amounts_are_rounded_once_per_line_half_away_from_zero(write, line):
    lines = [line("1", "10001", 1, 0.005), line("1", "10001", 1, 0.0049), line("C2", "10001", -1, 0.005)]
    assert read_lines(write(lines))["cents"].to_list() == [1, 0, -1]


def test_order_lines_are_numbered_without_gaps(write, line):
    lines = [line("1", "10001", 1, 1.0), line("1", "10002", -1, 0.0), line("1", "POST", 1, 2.0)]
    read = read_lines(write(lines))
    assert read["treatment"].to_list() == ["sale", "write_off", "charge"]
    assert read["line_no"].to_list() == [1, 1, 2]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"invoice": "X17"}, "Row 2: InvoiceNo X17 is neither a number nor one after C or A."),
        ({"invoice": None}, "Row 2 has no InvoiceNo."),
        ({"code": None}, "Row 2 has no StockCode."),
        ({"code": "10001;"}, "Row 2: StockCode '10001;' is empty, too long or holds a character that no SKU has."),
        ({"quantity": None}, "Row 2 has no Quantity."),
        ({"quantity": 0}, "Row 2: a Quantity of 0 is not between 1 and 1,000,000 either way."),
        ({"quantity": 1_000_001}, "Row 2: a Quantity of 1000001 is not between 1 and 1,000,000 either way."),
        ({"price": None}, "Row 2 has no UnitPrice."),
        ({"price": float("nan")}, "Row 2: a UnitPrice of nan is no price."),
        ({"price": 0.00001}, "Row 2: a UnitPrice of 1e-05 has more than four places."),
        ({"price": -1.0}, "Row 2: only an A invoice may have a negative UnitPrice (-1.0)."),
        ({"country": None}, "Row 2 has no Country."),
        ({"description": "x" * 256}, "Row 2: its Description has more than 255 characters."),
        ({"invoice": "C2"}, "Row 2: a C invoice takes back, but its Quantity is 1."),
        ({"quantity": -1}, "Row 2: a negative Quantity (-1) outside a C invoice must have UnitPrice 0, not 1.0."),
        ({"at": "2010-11-30 09:00"}, "Row 2: InvoiceDate goes back; sort the file by InvoiceDate."),
        ({"customer": 7}, "Row 2: invoice 1 names a second customer."),
        ({"customer": -7, "invoice": "2"}, "Row 2: CustomerID -7.0 is not a whole number above 0."),
    ],
)
def test_a_line_that_cannot_be_imported_is_named(write, line, changed, sentence):
    good = line("1", "10001", 1, 1.0)
    with pytest.raises(BadFile) as refused:
        read_lines(write([good, line(**{"invoice": "1", "code": "10001", "quantity": 1, "price": 1.0, **changed})]))
    assert str(refused.value) == sentence


def test_an_invoice_longer_than_an_order_is_named(write, line):
    with pytest.raises(BadFile, match="Row 1: invoice 1 has more than 2,000 lines"):
        read_lines(write([line("1", "10001", 1, 1.0)] * 2_001))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"UnitPrice": None}, "The column UnitPrice is missing; the file must have InvoiceNo, StockCode, "),
        ({"Quantity": pl.Series(["one"])}, "The column Quantity must hold whole numbers, but it holds large_string."),
        ({"InvoiceDate": pl.Series(["today"])}, "The column InvoiceDate must hold timestamps without a zone"),
    ],
)
def test_a_column_that_is_missing_or_of_another_type_is_named(write, line, changes, sentence):
    with pytest.raises(BadFile) as refused:
        read_lines(write([line("1", "10001", 1, 1.0)], **changes))
    assert str(refused.value).startswith(sentence)


def test_timestamps_of_a_zone_are_not_the_companys_clock(write, line):
    zoned = pl.Series(["2010-12-01"]).str.to_datetime(time_zone="UTC", time_unit="us")
    with pytest.raises(BadFile, match="InvoiceDate must hold timestamps without a zone"):
        read_lines(write([line("1", "10001", 1, 1.0)], InvoiceDate=zoned))


@pytest.mark.parametrize("kept", [0, 4, 400, 0.5, 0.99])
def test_a_truncated_file_is_one_sentence(write, year, kept):
    path = write(list(year(3, 20)))
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(len(content) * kept)])
    with pytest.raises(BadFile) as refused:
        read_lines(path)
    assert str(refused.value).startswith("retail.parquet is not a readable Parquet file, or only a part of one: ")
    assert "\n" not in str(refused.value)


def test_damage_inside_the_file_is_found_before_anything_is_written(write, year):
    path = write(list(year(3, 20)))
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(BadFile):
        read_lines(path)


def test_no_file_and_an_empty_one_are_said_to_be_so(write, tmp_path):
    with pytest.raises(BadFile, match=r"There is no file .*nowhere\.parquet\."):
        read_lines(tmp_path / "nowhere.parquet")
    with pytest.raises(BadFile, match="The file has no lines"):
        read_lines(write([]))
