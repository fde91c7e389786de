"""What Google's services cost: the two lists of the Cloud Billing Catalog, from a file beside this.

Source: `google.cloud.billing.v1.CloudCatalog` of google-cloud-billing 1.21; https://cloud.google.com/billing/docs/how-to/
get-pricing-information-api. Other currencies than US dollars and prices of the past are refused, since none are here.
"""

import json
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.cloud.billing_v1.types import cloud_catalog

from emulator.apis.cloudbilling.projects import API
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import Order, page_of
from emulator.core.resources import fits
from emulator.core.world import World

SERVICE = "google.cloud.billing.v1.CloudCatalog/"
FILE = Path(__file__).with_name("catalog.json")
PAGE = 5000
NANOS = 10**9
ListedServices = cloud_catalog.ListServicesResponse.pb()
ListedSkus = cloud_catalog.ListSkusResponse.pb()
BY_ID = Order(lambda found: (found[0],))
SKUS_BY_ID = Order(lambda found: (found["id"],))
Service, Sku = cloud_catalog.Service.pb(), cloud_catalog.Sku.pb()


@lru_cache(maxsize=1)
def listed() -> dict[str, Any]:
    """Everything that is listed."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


@API.method(SERVICE + "ListServices")
def list_services(_: World, request: Any, __: Call) -> Any:
    """Every service, by id."""
    many, token = page_of(request, listed()["services"].items(), BY_ID, default=PAGE, most=PAGE)
    services = [
        Service(name=f"services/{id_}", service_id=id_, display_name=name, business_entity_name="businessEntities/GCP")
        for id_, name in many
    ]
    return ListedServices(services=services, next_page_token=token)


@API.method(SERVICE + "ListSkus")
def list_skus(_: World, request: Any, __: Call) -> Any:
    """What one service has, each with its price of now."""
    if not fits("services/*", request.parent):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.parent!r}.")
    id_ = request.parent.partition("/")[2]
    if id_ not in listed()["services"]:
        raise ApiFailure("NOT_FOUND", f"Service {request.parent} was not found.")
    if request.currency_code not in {"", "USD"} or request.HasField("start_time") or request.HasField("end_time"):
        raise ApiFailure("UNIMPLEMENTED", "The emulator lists the prices of now, in US dollars.")
    mine = [each for each in listed()["skus"] if each["service"] == id_]
    many, token = page_of(request, mine, SKUS_BY_ID, default=PAGE, most=PAGE)
    return ListedSkus(skus=[sku_of(each) for each in many], next_page_token=token)


def sku_of(told: dict[str, Any]) -> Any:
    """One SKU as the API gives it: amounts in whole dollars and billionths of one."""
    made = Sku(
        name=f"services/{told['service']}/skus/{told['id']}",
        sku_id=told["id"],
        description=told["text"],
        service_regions=told["regions"],
        service_provider_name="Google",
    )
    made.category.service_display_name = listed()["services"][told["service"]]
    made.category.resource_family, made.category.resource_group = told["family"], told["group"]
    made.category.usage_type = told["usage"]
    info = made.pricing_info.add(currency_conversion_rate=1.0)
    info.effective_time.FromJsonString(listed()["time"])
    expression = info.pricing_expression
    expression.usage_unit, expression.display_quantity = told["unit"], 1.0
    for start, usd in told["rates"]:
        amount = Decimal(usd)
        rate = expression.tiered_rates.add(start_usage_amount=float(start))
        rate.unit_price.currency_code, rate.unit_price.units = "USD", int(amount)
        rate.unit_price.nanos = int((amount - int(amount)) * NANOS)
    return made
