"""Save a valid account form, from an account's page or from an import."""

from __future__ import annotations

from datetime import datetime

from accounts.admin.kinds import AccountForm
from accounts.microsoft import services
from accounts.microsoft.protocol import describe_cookies
from accounts.models import USABLE_STATES, Account


def save_account(account: Account, form: AccountForm, now: datetime) -> str:
    """Write only the columns that the form changed: a worker may write the account's state at the same time.

    Returns:
        A description of the pasted credentials, without secrets; "" if none were given.
    """
    is_rerouted = "proxy" in form.changed_data
    if is_rerouted:
        account.proxy = form.cleaned_data["proxy"]
    if account._state.adding:
        account.save()
    else:
        account.save(update_fields=[*form.filled_in(), *(["encrypted_proxy"] if is_rerouted else [])])
    if form.cleaned_data["cookies"] and form.found is not None:
        services.rotate_cookies(account, form.cleaned_data["cookies"], now)
        return describe_cookies(form.found)
    if form.credentials is not None:
        services.give_credentials(account, form.credentials, now)
        return form.summary
    # An undecryptable proxy makes an account unusable, so a new one may make it usable again.
    if "token_command" in form.changed_data or (is_rerouted and account.state not in USABLE_STATES):
        services.request_check(account, now)
    return ""
