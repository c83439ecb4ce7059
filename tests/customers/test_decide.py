"""The rules about people."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from api.customers.commands import (
    AddAddress,
    ApplyAsDealer,
    ApproveDealer,
    ChangeDealerTerms,
    ChangeStaffAccess,
    DeactivateStaffMember,
    EraseCustomer,
    InviteStaffMember,
    RegisterCustomer,
    RejectDealer,
    SuspendDealer,
    UpdateProfile,
    VerifyEmail,
)
from api.customers.decide import ADDRESSES_MAX
from api.customers.policy import ALIASES, FUNCTIONS, slugs
from api.customers.state import CUSTOMER, STAFF_MEMBER, Customer, NamedAddress, StaffMember
from api.receivables.commands import account_id
from warehouse.events.customers import (
    Address,
    CustomerAddressAdded,
    CustomerEmailChanged,
    CustomerEmailVerified,
    CustomerErased,
    CustomerProfileUpdated,
    CustomerRegistered,
    DealerApplied,
    DealerApproved,
    DealerRejected,
    DealerSuspended,
    DealerTermsChanged,
    StaffMemberAccessChanged,
    StaffMemberDeactivated,
    StaffMemberInvited,
)
from warehouse.events.receivables import CreditCommitted
from warehouse.ids import named

EVE = UUID(int=1)
REGISTERED = CustomerRegistered(user_type="consumer", name="Eve", email="eve@example.org", country="GB")
BY_STAFF = CustomerRegistered(user_type="dealer", name="Deal & Co")
APPLIED = DealerApplied(company_name="Eve & Co")
TERMS = {"tier": "premium", "discount_rate": Decimal("0.1"), "credit_limit": Decimal(5000), "terms": "net_30"}
APPROVED = DealerApproved(**TERMS)
SUSPENDED = DealerSuspended(reason="unpaid")
HOME = Address(recipient="Eve", street="1 Well Rd", city="York", postal_code="YO1", country="GB")

APPLY = ApplyAsDealer(customer_id=EVE, company_name="Eve & Co")
APPROVE = ApproveDealer(customer_id=EVE, **TERMS)
REJECT = RejectDealer(customer_id=EVE, reason="no shop")
CHANGE = ChangeDealerTerms(customer_id=EVE, **TERMS | {"tier": "distributor"}, reason="volume")
SUSPEND = SuspendDealer(customer_id=EVE, reason="unpaid")
PROFILE = UpdateProfile(customer_id=EVE, name="Eva", email="eva@example.org")
VERIFY = VerifyEmail(customer_id=EVE)
ADDRESS = AddAddress(customer_id=EVE, label="home", address=HOME)


ERASE = EraseCustomer(customer_id=EVE)


def test_who_is_square_with_the_house_is_erased(history, actors):
    erased = history.given(REGISTERED, CustomerAddressAdded(label="home", address=HOME)).when(ERASE)

    after = erased.then(CustomerErased()).state
    assert (after.name, after.email, after.addresses, after.country) == ("erased", None, (), "GB")
    assert (CUSTOMER.status(after), list(CUSTOMER.claims(after))) == ("erased", [])
    erased.when(ERASE).then()
    erased.when(PROFILE).refused("customer_not_found", "not_found")
    erased.when(RegisterCustomer(customer_id=EVE, name="Eve")).refused("customer_exists")


def test_who_owes_or_is_owed_something_is_not_erased_yet(history):
    order = CreditCommitted(customer_id=EVE, order_id=UUID(int=9), amount=Decimal(10))
    waiting = history.given(REGISTERED).given(order, of=account_id(EVE))
    waiting.when(ERASE).refused("account_not_settled")


def test_erasing_is_for_oneself_and_for_staff_of_customers_and_of_people_there_are(history, actors):
    history.given(REGISTERED).when(ERASE, by=actors.consumer(UUID(int=7))).refused("erasure_forbidden", "forbidden")
    history.given(REGISTERED).when(ERASE, by=actors.consumer(EVE)).then(CustomerErased())
    history.when(ERASE).refused("customer_not_found", "not_found")


def test_anybody_registers_as_a_consumer(history, actors):
    wish = RegisterCustomer(customer_id=EVE, name="Eve", email="Eve@Example.org", country="GB")

    outcome = history.when(wish, by=actors.consumer(EVE)).then(REGISTERED)

    assert (outcome.state.user_type, outcome.state.terms, outcome.state.dealer_status) == (
        "consumer",
        "immediate",
        "none",
    )
    outcome.when(wish).refused("customer_exists")


def test_only_staff_of_customers_register_dealers(history, actors):
    wish = RegisterCustomer(customer_id=EVE, name="Deal & Co", user_type="dealer")

    history.when(wish, by=actors.staff("customers")).then(BY_STAFF)
    for who in (actors.consumer(EVE), actors.staff("orders")):
        history.when(wish, by=who).refused("dealer_registration_forbidden", "forbidden")


@pytest.mark.parametrize("wish", [PROFILE, VERIFY, ADDRESS, APPLY, APPROVE, REJECT, CHANGE, SUSPEND])
def test_who_is_not_registered_is_not_found(history, wish):
    history.when(wish).refused("customer_not_found", "not_found")


@pytest.mark.parametrize("wish", [PROFILE, ADDRESS, APPLY])
def test_buyers_do_not_find_anybody_but_themselves(history, actors, wish):
    begun = history.given(REGISTERED)

    for stranger in (actors.consumer(UUID(int=2)), actors.dealer(UUID(int=2))):
        begun.when(wish, by=stranger).refused("customer_not_found", "not_found")
    assert begun.when(wish, by=actors.consumer(EVE)).events
    assert begun.when(wish, by=actors.staff("customers")).events


def test_a_profile_is_written_anew(history):
    outcome = history.given(REGISTERED).when(PROFILE)

    outcome.then(CustomerProfileUpdated(name="Eva", email="eva@example.org"), CustomerEmailChanged())
    outcome.when(PROFILE).then()
    assert (outcome.state.name, outcome.state.country) == ("Eva", "GB")


def test_an_address_is_confirmed_once_and_a_changed_one_anew(history):
    confirmed = history.given(REGISTERED).when(VERIFY).then(CustomerEmailVerified())
    assert confirmed.state.email_verified_at is not None
    confirmed.when(VERIFY).then()
    renamed = confirmed.when(PROFILE.model_copy(update={"email": "eve@example.org"}))
    renamed.then(CustomerProfileUpdated(name="Eva", email="eve@example.org"))
    assert renamed.state.email_verified_at is not None
    moved = renamed.when(PROFILE)
    moved.then(CustomerProfileUpdated(name="Eva", email="eva@example.org"), CustomerEmailChanged())
    assert moved.state.email_verified_at is None
    moved.when(VERIFY).then(CustomerEmailVerified())
    history.given(BY_STAFF).when(VERIFY).refused("no_email")


def test_a_letter_opens_the_account_only_at_an_address_that_no_thief_put_in(history):
    begun = history.given(REGISTERED)
    assert begun.when(ADDRESS).state.may_reset_password
    moved = begun.when(PROFILE)
    assert not moved.state.may_reset_password
    assert moved.when(VERIFY).state.may_reset_password


def test_an_address_replaces_the_one_of_its_label(history):
    there = HOME.model_copy(update={"street": "2 Well Rd"})

    outcome = history.given(REGISTERED).when(ADDRESS).then(CustomerAddressAdded(label="home", address=HOME))
    moved = outcome.when(AddAddress(customer_id=EVE, label="home", address=there))

    outcome.when(ADDRESS).then()
    assert moved.state.addresses == (NamedAddress("home", there),)


def test_an_address_book_has_an_end(history):
    facts = [CustomerAddressAdded(label=f"site {n}", address=HOME) for n in range(ADDRESSES_MAX)]
    full = history.given(REGISTERED, *facts)

    full.when(ADDRESS).refused("address_limit_reached")
    assert full.when(
        AddAddress(customer_id=EVE, label="site 1", address=HOME.model_copy(update={"city": "Hull"}))
    ).events


def test_a_consumer_becomes_a_dealer(history):
    applied = history.given(REGISTERED).when(APPLY).then(APPLIED)
    approved = applied.when(APPROVE).then(APPROVED)

    assert (applied.state.user_type, applied.state.dealer_status) == ("consumer", "applied")
    dealer = approved.state
    assert (dealer.user_type, dealer.tier, dealer.terms, dealer.company_name) == (
        "dealer",
        "premium",
        "net_30",
        "Eve & Co",
    )


def test_whom_staff_registered_as_a_dealer_needs_no_application(history):
    history.given(BY_STAFF).when(APPROVE).then(APPROVED)


def test_who_was_rejected_may_apply_again(history):
    rejected = history.given(REGISTERED, APPLIED).when(REJECT).then(DealerRejected(reason="no shop"))

    rejected.when(APPROVE).refused("no_application")
    rejected.when(APPLY).then(APPLIED).when(APPROVE).then(APPROVED)


@pytest.mark.parametrize(
    ("facts", "wish", "code"),
    [
        ([REGISTERED, APPLIED], APPLY, "application_pending"),
        ([REGISTERED, APPLIED, APPROVED], APPLY, "already_a_dealer"),
        ([BY_STAFF], APPLY, "already_a_dealer"),
        ([REGISTERED, APPLIED, APPROVED, SUSPENDED], APPLY, "already_a_dealer"),
        ([REGISTERED], APPROVE, "no_application"),
        ([REGISTERED, APPLIED, APPROVED], APPROVE, "already_a_dealer"),
        ([REGISTERED, APPLIED, APPROVED, SUSPENDED], APPROVE, "no_application"),
        ([BY_STAFF, APPROVED, SUSPENDED], APPROVE, "no_application"),
        ([REGISTERED], REJECT, "no_application"),
        ([BY_STAFF, APPROVED], REJECT, "no_application"),
        ([REGISTERED, APPLIED], CHANGE, "not_a_dealer"),
        ([BY_STAFF], CHANGE, "not_a_dealer"),
        ([REGISTERED, APPLIED], SUSPEND, "not_a_dealer"),
    ],
)
def test_a_dealer_is_made_in_this_order_alone(history, facts, wish, code):
    history.given(*facts).when(wish).refused(code)


def test_terms_change_for_a_reason(history):
    fact = DealerTermsChanged(**TERMS | {"tier": "distributor"}, reason="volume")

    outcome = history.given(BY_STAFF, APPROVED).when(CHANGE).then(fact)

    assert outcome.state.tier == "distributor"
    outcome.when(CHANGE).then()


def test_setting_the_terms_lifts_a_suspension(history):
    same = ChangeDealerTerms(customer_id=EVE, **TERMS, reason="paid")
    suspended = history.given(BY_STAFF, APPROVED).when(SUSPEND).then(SUSPENDED)

    suspended.when(SUSPEND).then()
    lifted = suspended.when(same).then(DealerTermsChanged(**TERMS, reason="paid"))

    assert [suspended.state.dealer_status, lifted.state.dealer_status] == ["suspended", "approved"]


# colleagues

ADA = named("staff", "Ada")
INVITED = StaffMemberInvited(
    name="Ada", email="ada@example.org", staff_role="buyer", function_access=("category", "procurement")
)
INVITE = InviteStaffMember(
    staff_id=ADA,
    name="Ada",
    email="ada@example.org",
    staff_role="buyer",
    function_access=("procurement", "category_management", "category"),
)
LEAVE = DeactivateStaffMember(staff_id=ADA, reason="moved on")


def access(*functions):
    return ChangeStaffAccess(staff_id=ADA, function_access=functions)


def test_a_colleague_is_let_into_functions_by_either_name(history):
    outcome = history.when(INVITE).then(INVITED)

    assert outcome.state == StaffMember("Ada", "ada@example.org", "buyer", ("category", "procurement"), is_active=True)
    outcome.when(INVITE).refused("staff_member_exists")


def test_access_changes(history):
    changed = StaffMemberAccessChanged(function_access=("events", "receivables", "roadmap"))

    outcome = history.given(INVITED).when(access("database_manager", "accounts_receivable", "platform_manager"))

    outcome.then(changed).when(access("receivables", "events", "roadmap")).then()


@pytest.mark.parametrize(
    "wish", [access("orders", "cellar"), INVITE.model_copy(update={"function_access": ("orders", "cellar")})]
)
def test_nobody_is_let_into_a_function_that_does_not_exist(history, wish):
    begun = history.given(INVITED) if isinstance(wish, ChangeStaffAccess) else history

    refusal = begun.when(wish).refused("unknown_function")

    assert [(fault.field, fault.code) for fault in refusal.faults] == [("function_access.1", "unknown_function")]
    assert "customers" in refusal.message


@pytest.mark.parametrize("wish", [access("customers"), LEAVE])
def test_nobody_changes_their_own_access(history, actors, wish):
    begun = history.given(INVITED)

    begun.when(wish, by=actors.staff("customers", name="Ada")).refused("own_access", "forbidden")
    assert begun.when(wish, by=actors.staff("customers", name="Bob")).events
    history.when(wish).refused("staff_member_not_found", "not_found")


def test_who_left_is_let_in_nowhere(history):
    gone = history.given(INVITED).when(LEAVE).then(StaffMemberDeactivated(reason="moved on"))

    gone.when(LEAVE).then()
    gone.when(access("orders")).refused("staff_member_inactive")


def test_the_documents_names_mean_slugs():
    assert slugs(["customer_management", "customers", "cellar"]) == ("cellar", "customers")
    assert set(slugs(ALIASES)) < FUNCTIONS


# how people are listed and found


@pytest.mark.parametrize(
    ("customer", "status"),
    [
        (Customer(), "consumer"),
        (Customer(user_type="dealer"), "dealer"),
        (Customer(dealer_status="applied"), "applied"),
        (Customer(user_type="dealer", dealer_status="suspended"), "suspended"),
    ],
)
def test_a_customer_is_listed_by_where_they_stand(customer, status):
    assert CUSTOMER.status(customer) == status


def test_a_customer_owns_themselves():
    assert CUSTOMER.owner(Customer(id=EVE)) == EVE


def test_one_address_is_one_person_until_they_leave():
    eve = Customer(email="eve@example.org")
    ada = StaffMember(email="eve@example.org", is_active=True)

    assert CUSTOMER.claims(eve) == STAFF_MEMBER.claims(ada) == [("email", "eve@example.org")]
    assert CUSTOMER.claims(Customer()) == STAFF_MEMBER.claims(StaffMember(email="eve@example.org")) == []


def test_people_survive_being_stored():
    eve = Customer(
        id=EVE, credit_limit=Decimal("0.00"), addresses=(NamedAddress("home", HOME),), dealer_status="applied"
    )
    ada = StaffMember("Ada", "ada@example.org", "buyer", ("orders",), is_active=True)

    assert CUSTOMER.parse(CUSTOMER.dump(eve)) == eve
    assert STAFF_MEMBER.parse(STAFF_MEMBER.dump(ada)) == ada
    assert [STAFF_MEMBER.status(ada), STAFF_MEMBER.status(StaffMember())] == ["active", "inactive"]
