"""Joining: consumers register, dealers apply and are taken on or turned down."""

from __future__ import annotations

from functools import partial

from api.customers.commands import AddAddress, ApplyAsDealer, ApproveDealer, RegisterCustomer, RejectDealer
from orchestration.demo import hours
from orchestration.demo.books import Company, Deed
from orchestration.demo.budget import Budget, credit_limit
from orchestration.demo.people import Consumer, Dealer
from orchestration.demo.plan import workday_from

_ANSWER_DAYS = 2
_SPREAD_MINUTES = 200  # newcomers come one after the other, all evening


def write_into_agenda(company: Company, budget: Budget) -> None:
    """Let everybody join on their day; those of the first day come in with the opening."""
    for number, consumer in enumerate(company.consumers):
        _now_or_later(company, consumer, hours.NEWCOMERS + number % _SPREAD_MINUTES, partial(_join, company, consumer))
    for number, dealer in enumerate(company.dealers):
        if dealer.joins_on <= company.today:
            take_on = partial(_take_on, company, dealer, budget)
            _now_or_later(company, dealer, hours.APPROVALS + number / 10, take_on)
        else:
            apply = partial(_apply, company, dealer, budget, number)
            _now_or_later(company, dealer, hours.NEWCOMERS + number, apply)


def _now_or_later(company: Company, buyer: Consumer | Dealer, minutes: float, deed: Deed) -> None:
    if buyer.joins_on <= company.today:
        deed(minutes)
    else:
        company.later(buyer.joins_on, minutes, deed)


def _join(company: Company, consumer: Consumer, minutes: float) -> None:
    who = consumer.person
    register = RegisterCustomer(
        customer_id=consumer.id, name=who.name, email=who.email, phone=who.phone, country=who.land.code
    )
    company.ask(minutes, consumer.actor, register)
    address = AddAddress(customer_id=consumer.id, label="home", address=consumer.address)
    company.ask(minutes + 0.5, consumer.actor, address)


def _take_on(company: Company, dealer: Dealer, budget: Budget, minutes: float) -> None:
    """A dealer the company has known for long is entered by staff."""
    who = dealer.person
    register = RegisterCustomer(
        customer_id=dealer.id,
        user_type="dealer",
        name=dealer.company,
        email=who.email,
        phone=who.phone,
        country=who.land.code,
    )
    company.ask(minutes, company.by("customers"), register)
    _approve(company, dealer, budget, minutes)


def _apply(company: Company, dealer: Dealer, budget: Budget, number: int, minutes: float) -> None:
    """A newcomer registers, applies and waits for an answer."""
    who = dealer.person
    register = RegisterCustomer(
        customer_id=dealer.id, name=dealer.company, email=who.email, phone=who.phone, country=who.land.code
    )
    company.ask(minutes, dealer.newcomer, register)
    application = ApplyAsDealer(
        customer_id=dealer.id,
        company_name=dealer.company,
        tax_number=f"{who.land.code}{number:07d}",
        message=f"We would like to sell your pumps in {dealer.address.city}.",
    )
    company.ask(minutes + 6, dealer.newcomer, application)
    deed = partial(_approve, company, dealer, budget) if dealer.is_welcome else partial(_decline, company, dealer)
    company.later(workday_from(company.today, _ANSWER_DAYS), hours.APPROVALS, deed)


def _decline(company: Company, dealer: Dealer, minutes: float) -> None:
    declined = RejectDealer(customer_id=dealer.id, reason="Two dealers serve this town already.")
    company.ask(minutes, company.by("customers"), declined)
    company.counts["applications declined"] += 1


def _approve(company: Company, dealer: Dealer, budget: Budget, minutes: float) -> None:
    approved = ApproveDealer(
        customer_id=dealer.id,
        tier=dealer.tier,
        discount_rate=dealer.discount_rate,
        credit_limit=credit_limit(dealer, budget),
        terms=dealer.terms,
    )
    company.ask(minutes, company.by("customers"), approved)
    address = AddAddress(customer_id=dealer.id, label="shop", address=dealer.address)
    company.ask(minutes, company.by("customers"), address)
    company.known_dealers.append(dealer)
