"""Google's list prices, service by service.

Source:
    https://cloud.google.com/billing/docs/how-to/get-pricing-information-api: any identity may read them, as long as
    `cloudbilling.googleapis.com` is enabled in the project that calls.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.cost.catalog import Sku
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PAGE = 5000
_NANO = Decimal("1e-9")


def services_of(connection: Connection) -> frozenset[str]:
    """Give the ids of the services that have prices."""
    with calling("list", "services of the Cloud Billing Catalog"):
        request = {"page_size": _PAGE}
        found = _api(connection).list_services(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
        return frozenset(each.service_id for each in found)


def skus_of(connection: Connection, service: str) -> list[Sku]:
    """Give what a service has, in US dollars.

    Args:
        connection: How to reach it.
        service: Id of the service.
    """
    with calling("list", f"prices of service {service}"):
        request = {"parent": f"services/{service}", "currency_code": "USD", "page_size": _PAGE}
        found = _api(connection).list_skus(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
        return [_sku(service, each) for each in found]


def _api(connection: Connection) -> Any:
    return connection.client("google.cloud.billing_v1", "cloud_catalog", "CloudCatalog")


def _sku(service: str, live: Any) -> Sku:
    # The newest pricing is the only one where no time is asked for.
    expression = live.pricing_info[0].pricing_expression if live.pricing_info else None
    rates = tuple(
        (Decimal(repr(rate.start_usage_amount)), rate.unit_price.units + rate.unit_price.nanos * _NANO)
        for rate in (expression.tiered_rates if expression else ())
    )
    return Sku(service, live.sku_id, live.description, expression.usage_unit if expression else "", rates)
