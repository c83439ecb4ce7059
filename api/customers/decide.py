"""The rules about people: who may buy, on which terms, and who works here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from api.command import Peek, Reads
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
from api.customers.policy import FUNCTIONS, slugs
from api.customers.state import CUSTOMER, STAFF_MEMBER, Customer, NamedAddress, StaffMember
from api.decider import Decider
from api.given import Given
from api.receivables.commands import account_id
from api.receivables.state import ACCOUNT
from api.refusals import Fault, Refusal, not_found
from warehouse.events.customers import (
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
from warehouse.events.event import Event

ADDRESSES_MAX = 50  # of one customer: branches and building sites

OwnCommand = UpdateProfile | VerifyEmail | AddAddress | ApplyAsDealer
DealerCommand = ApproveDealer | RejectDealer | ChangeDealerTerms | SuspendDealer
CustomerCommand = RegisterCustomer | EraseCustomer | OwnCommand | DealerCommand
StaffCommand = InviteStaffMember | ChangeStaffAccess | DeactivateStaffMember


def decide_customer(customer: Customer, command: CustomerCommand, given: Given) -> Sequence[Event]:
    """What follows from a wish about a customer; buyers see and change nobody but themselves."""
    if isinstance(command, RegisterCustomer):
        return _register(customer, command, given)
    if isinstance(command, EraseCustomer):
        return _erase(customer, command, given)
    if customer.is_erased or not customer.exists or (given.by.is_buyer() and given.by.id != customer.id):
        raise not_found("customer", command.customer_id)
    match command:
        case UpdateProfile():
            return _update(customer, command)
        case VerifyEmail():
            _refuse_without_email(customer)
            return [CustomerEmailVerified()] if customer.email_verified_at is None else []
        case AddAddress():
            return _add_address(customer, command)
        case ApplyAsDealer():
            return _apply(customer, command)
        case ApproveDealer():
            return _approve(customer, command)
        case RejectDealer(reason=reason):
            _refuse_unless_applied(customer)
            return [DealerRejected(reason=reason)]
        case ChangeDealerTerms():
            return _change_terms(customer, command)
        case SuspendDealer(reason=reason):
            _refuse_unless_dealer(customer)
            return [] if customer.dealer_status == "suspended" else [DealerSuspended(reason=reason)]
        case never:
            assert_never(never)


def _register(customer: Customer, command: RegisterCustomer, given: Given) -> Sequence[Event]:
    if customer.exists:
        raise Refusal("customer_exists", f"Customer {command.customer_id} is registered already.")
    if command.user_type == "dealer" and not given.by.works_in("customers"):
        message = "Register as a consumer and apply as a dealer; only staff of customers register dealers."
        raise Refusal("dealer_registration_forbidden", message, kind="forbidden")
    return [
        CustomerRegistered(
            user_type=command.user_type,
            name=command.name,
            email=command.email,
            phone=command.phone,
            country=command.country,
        )
    ]


def _update(customer: Customer, profile: UpdateProfile) -> Sequence[Event]:
    """Another e-mail address is a fact of its own: what the fold carries hidden it cannot compare."""
    updated = replace(customer, name=profile.name, email=profile.email, phone=profile.phone)
    if updated == customer:
        return []
    fact = CustomerProfileUpdated(name=profile.name, email=profile.email, phone=profile.phone)
    return [fact] if profile.email == customer.email else [fact, CustomerEmailChanged()]


def _refuse_without_email(customer: Customer) -> None:
    if customer.email is None:
        raise Refusal("no_email", "There is no e-mail address to confirm; put one into the profile first.")


def _erase(customer: Customer, command: EraseCustomer, given: Given) -> Sequence[Event]:
    """Whose orders and invoices are open cannot be erased yet: the contract needs name and address."""
    if given.by.id != command.customer_id and not given.by.works_in("customers"):
        message = "People erase themselves; for others, only staff of customers do."
        raise Refusal("erasure_forbidden", message, kind="forbidden")
    if not customer.exists:
        raise not_found("customer", command.customer_id)
    if customer.is_erased:
        return []
    account = given.state(ACCOUNT, account_id(command.customer_id))
    if account.invoices or account.commitments or account.unapplied_amount:
        open_things = f"{len(account.invoices)} open invoices, {len(account.commitments)} orders not yet invoiced"
        message = f"There are {open_things} and {account.unapplied_amount} on account; settle them first."
        raise Refusal("account_not_settled", message)
    return [CustomerErased(reason=command.reason)]


def reads_of_customer(command: CustomerCommand, _: Peek) -> Reads:
    """Erasing looks at what is still owed."""
    if isinstance(command, EraseCustomer):
        return Reads(locked=(ACCOUNT.ref(account_id(command.customer_id)),))
    return Reads()


def _add_address(customer: Customer, command: AddAddress) -> Sequence[Event]:
    if NamedAddress(command.label, command.address) in customer.addresses:
        return []
    is_new = command.label not in {one.label for one in customer.addresses}
    if is_new and len(customer.addresses) >= ADDRESSES_MAX:
        raise Refusal("address_limit_reached", f"There are {ADDRESSES_MAX} addresses; replace one by giving its label.")
    return [CustomerAddressAdded(label=command.label, address=command.address)]


def _apply(customer: Customer, command: ApplyAsDealer) -> Sequence[Event]:
    if customer.dealer_status == "applied":
        raise Refusal("application_pending", "There is an application already; wait for its answer.")
    if customer.user_type == "dealer":
        raise Refusal("already_a_dealer", f"{customer.name} is a dealer already.")
    return [DealerApplied(company_name=command.company_name, tax_number=command.tax_number, message=command.message)]


def _approve(customer: Customer, command: ApproveDealer) -> Sequence[Event]:
    """Who applied, or was registered as a dealer by staff, and is not yet approved."""
    if customer.dealer_status == "approved":
        raise Refusal("already_a_dealer", f"{customer.name} is approved already; change the terms instead.")
    if customer.dealer_status != "none" or customer.user_type != "dealer":
        _refuse_unless_applied(customer)
    return [
        DealerApproved(
            tier=command.tier,
            discount_rate=command.discount_rate,
            credit_limit=command.credit_limit,
            terms=command.terms,
        )
    ]


def _change_terms(customer: Customer, command: ChangeDealerTerms) -> Sequence[Event]:
    _refuse_unless_dealer(customer)
    wanted = (command.tier, command.discount_rate, command.credit_limit, command.terms)
    present = (customer.tier, customer.discount_rate, customer.credit_limit, customer.terms)
    if wanted == present and customer.dealer_status == "approved":
        return []
    return [
        DealerTermsChanged(
            tier=command.tier,
            discount_rate=command.discount_rate,
            credit_limit=command.credit_limit,
            terms=command.terms,
            reason=command.reason,
        )
    ]


def _refuse_unless_applied(customer: Customer) -> None:
    if customer.dealer_status != "applied":
        raise Refusal("no_application", f"{customer.name} has no open dealer application; wait for one.")


def _refuse_unless_dealer(customer: Customer) -> None:
    if customer.dealer_status not in {"approved", "suspended"}:
        raise Refusal("not_a_dealer", f"{customer.name} is no approved dealer; approve an application first.")


def decide_staff_member(member: StaffMember, command: StaffCommand, given: Given) -> Sequence[Event]:
    """What follows from a wish about a colleague; nobody changes what they may do themselves."""
    if isinstance(command, InviteStaffMember):
        return _invite(command, given)
    if not given.exists:
        raise not_found("staff member", command.staff_id)
    if given.by.id == command.staff_id:
        raise Refusal("own_access", "Nobody changes their own access; ask a colleague.", kind="forbidden")
    match command:
        case ChangeStaffAccess():
            return _change_access(member, command)
        case DeactivateStaffMember(reason=reason):
            return [StaffMemberDeactivated(reason=reason)] if member.is_active else []
        case never:
            assert_never(never)


def _invite(command: InviteStaffMember, given: Given) -> Sequence[Event]:
    if given.exists:
        raise Refusal(
            "staff_member_exists", f"Staff member {command.staff_id} was invited before; invite under a new id."
        )
    return [
        StaffMemberInvited(
            name=command.name,
            email=command.email,
            staff_role=command.staff_role,
            function_access=_known(command.function_access),
        )
    ]


def _change_access(member: StaffMember, command: ChangeStaffAccess) -> Sequence[Event]:
    if not member.is_active:
        raise Refusal("staff_member_inactive", f"{member.name} has left; invite them anew.")
    functions = _known(command.function_access)
    return [] if functions == member.function_access else [StaffMemberAccessChanged(function_access=functions)]


def _known(names: Sequence[str]) -> tuple[str, ...]:
    """The slugs of the functions named, all of which must exist."""
    faults = tuple(
        Fault(f"function_access.{place}", "unknown_function", f"There is no function {name}.")
        for place, name in enumerate(names)
        if not FUNCTIONS.issuperset(slugs([name]))
    )
    if faults:
        known = ", ".join(sorted(FUNCTIONS))
        raise Refusal("unknown_function", f"{faults[0].message} Choose among {known}.", faults=faults)
    return slugs(names)


DECIDERS: tuple[Decider[Customer] | Decider[StaffMember], ...] = (
    Decider(CUSTOMER, decide_customer, reads_of_customer),
    Decider(STAFF_MEMBER, decide_staff_member),
)
