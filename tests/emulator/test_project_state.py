"""What a project is allowed at all: its APIs, who pays, what the organisation forbids, how much there may be."""

import pytest
from google.api_core import exceptions
from google.cloud import billing_v1, cloudquotas_v1, orgpolicy_v2, service_usage_v1
from google.cloud.run_v2 import ServicesClient
from google.pubsub_v1 import PublisherClient, SubscriberClient

from tests.emulator.clients import both_wires, client

PROJECT = "projects/local"
FIRST_OFF = "containerscanning.googleapis.com"
"""The one API that no project has on at first."""
QUOTA = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion"


def state(found):
    return found.state.name


@both_wires
def test_a_disabled_api_refuses_every_call_and_says_how_to_enable_it(emulator, wire):
    """The refusal is the one of Google's front end, with what a machine needs to mend it; others go on."""
    usage = client(emulator, service_usage_v1.ServiceUsageClient, wire)
    topics = client(emulator, PublisherClient)
    name = f"{PROJECT}/services/pubsub.googleapis.com"
    usage.disable_service(request={"name": name}).result(timeout=20)

    with pytest.raises(exceptions.Forbidden) as refused:
        topics.create_topic(request={"name": f"{PROJECT}/topics/orders"})
    elsewhere = topics.create_topic(request={"name": "projects/other/topics/orders"})
    found = usage.batch_get_services(request={"parent": PROJECT, "names": [name, name.replace("pubsub", "run")]})
    usage.enable_service(request={"name": name}).result(timeout=20)

    assert refused.value.reason == "SERVICE_DISABLED"
    assert refused.value.metadata["service"] == "pubsub.googleapis.com"
    assert "pubsub.googleapis.com/overview?project=" in refused.value.metadata["activationUrl"]
    assert elsewhere.name == "projects/other/topics/orders"
    assert [state(each) for each in found.services] == ["DISABLED", "ENABLED"]
    assert topics.create_topic(request={"name": f"{PROJECT}/topics/orders"}).name == f"{PROJECT}/topics/orders"


def test_a_disabled_api_refuses_whatever_names_the_project(emulator):
    """A topic or a subscription that is published to, pulled from or changed; a service in a message."""
    topics, pulls, services = (client(emulator, each) for each in (PublisherClient, SubscriberClient, ServicesClient))
    topic, subscription = f"{PROJECT}/topics/orders", f"{PROJECT}/subscriptions/orders"
    topics.create_topic(request={"name": topic})
    pulls.create_subscription(request={"name": subscription, "topic": topic})
    usage = client(emulator, service_usage_v1.ServiceUsageClient)
    for host in ("pubsub", "run"):
        usage.disable_service(request={"name": f"{PROJECT}/services/{host}.googleapis.com"}).result(timeout=20)
    service = {"name": f"{PROJECT}/locations/europe-west1/services/x"}
    stream = [{"subscription": subscription, "stream_ack_deadline_seconds": 10}]

    for refused in (
        lambda: topics.publish(request={"topic": topic, "messages": [{"data": b"x"}]}),
        lambda: topics.update_topic(request={"topic": {"name": topic}, "update_mask": "labels"}),
        lambda: pulls.pull(request={"subscription": subscription, "max_messages": 1}),
        lambda: pulls.acknowledge(request={"subscription": subscription, "ack_ids": ["x"]}),
        lambda: list(pulls.streaming_pull(requests=iter(stream), timeout=20)),
        lambda: services.update_service(request={"service": service}),
    ):
        with pytest.raises(exceptions.Forbidden) as found:
            refused()
        assert found.value.reason == "SERVICE_DISABLED"


def test_apis_are_listed_by_state_and_enabled_together(emulator):
    """A project that has several off gets them on by one call; one that nobody knows changes nothing."""
    usage = client(emulator, service_usage_v1.ServiceUsageClient)
    off = ["pubsub.googleapis.com", "storage.googleapis.com"]
    for host in off:
        usage.disable_service(request={"name": f"{PROJECT}/services/{host}"}).result(timeout=20)

    def listed():
        found = usage.list_services(request={"parent": PROJECT, "filter": "state:DISABLED"})
        return [each.config.name for each in found if each.config.name != FIRST_OFF]

    before = listed()
    with pytest.raises(exceptions.NotFound):
        usage.batch_enable_services(request={"parent": PROJECT, "service_ids": [*off, "no.googleapis.com"]})
    unchanged = listed()
    usage.batch_enable_services(request={"parent": PROJECT, "service_ids": off}).result(timeout=20)

    assert (before, unchanged, listed()) == (off, off, [])


@both_wires
def test_billing_is_linked_until_the_link_is_taken_away(emulator, wire):
    """Both states are told, and a name that is no account's is refused."""
    billing = client(emulator, billing_v1.CloudBillingClient, wire)
    first = billing.get_project_billing_info(name=PROJECT)
    with pytest.raises(exceptions.BadRequest):
        billing.update_project_billing_info(name=PROJECT, project_billing_info={"billing_account_name": "mine"})
    billing.update_project_billing_info(name=PROJECT, project_billing_info={"billing_account_name": ""})
    second = billing.get_project_billing_info(name=PROJECT)

    assert (first.billing_enabled, second.billing_enabled, second.billing_account_name) == (True, False, "")


@both_wires
def test_the_catalog_lists_services_and_what_each_costs(emulator, wire):
    """In pages; amounts are whole dollars and billionths; what the emulator does not have it refuses."""
    catalog = client(emulator, billing_v1.CloudCatalogClient, wire)
    services = {each.display_name: each.name for each in catalog.list_services(request={"page_size": 2})}
    skus = {each.description: each for each in catalog.list_skus(request={"parent": services["Cloud Run"]})}
    [info] = skus["Requests"].pricing_info
    [whole] = [
        each
        for each in catalog.list_skus(request={"parent": services["Cloud Pub/Sub"]})
        if each.description == "Message Delivery to BigQuery"
    ]

    assert {each.name.rpartition("/skus/")[0] for each in skus.values()} == {services["Cloud Run"]}
    assert [(rate.start_usage_amount, rate.unit_price.nanos) for rate in info.pricing_expression.tiered_rates] == [
        (0, 0),
        (2_000_000, 400),
    ]
    assert whole.pricing_info[0].pricing_expression.tiered_rates[0].unit_price.units == 50
    with pytest.raises(exceptions.NotFound):
        list(catalog.list_skus(request={"parent": "services/0000-0000-0000"}))
    with pytest.raises(exceptions.MethodNotImplemented):
        list(catalog.list_skus(request={"parent": services["Cloud Run"], "currency_code": "EUR"}))


@both_wires
def test_a_policy_of_the_organisation_holds_until_it_is_deleted(emulator, wire):
    """What was set is in effect, with an etag; without it everything is allowed and nothing is enforced."""
    policies = client(emulator, orgpolicy_v2.OrgPolicyClient, wire)
    name = f"{PROJECT}/policies/run.allowedIngress"
    wanted = {"name": name, "spec": {"rules": [{"values": {"allowed_values": ["internal"]}}]}}
    before = policies.get_effective_policy(request={"name": name})
    made = policies.create_policy(request={"parent": PROJECT, "policy": wanted})
    during = policies.get_effective_policy(request={"name": name})
    listed = [each.name for each in policies.list_policies(request={"parent": PROJECT})]
    policies.delete_policy(request={"name": name})
    switch = policies.get_effective_policy(request={"name": f"{PROJECT}/policies/iam.disableServiceAccountKeyCreation"})

    assert before.spec.rules[0].allow_all
    assert made.etag
    assert list(during.spec.rules[0].values.allowed_values) == ["internal"]
    assert listed == [name]
    assert policies.get_effective_policy(request={"name": name}).spec.rules[0].allow_all
    assert not switch.spec.rules[0].enforce


@both_wires
def test_a_quota_is_what_was_granted_in_a_region_and_the_default_elsewhere(emulator, wire):
    """The more specific limit comes first, as Google lists them."""
    quotas = client(emulator, cloudquotas_v1.CloudQuotasClient, wire)
    parent = f"{PROJECT}/locations/global"
    wanted = {
        "service": "run.googleapis.com",
        "quota_id": QUOTA,
        "dimensions": {"region": "europe-west1"},
        "quota_config": {"preferred_value": 8},
    }
    made = quotas.create_quota_preference(request={"parent": parent, "quota_preference": wanted})
    every = {each.quota_id: each for each in quotas.list_quota_infos(parent=f"{parent}/services/run.googleapis.com")}
    found = [(dict(each.dimensions), each.details.value) for each in every[QUOTA].dimensions_infos]

    assert made.quota_config.granted_value == 8
    assert found == [({"region": "europe-west1"}, 8), ({}, 3)]
    with pytest.raises(exceptions.MethodNotImplemented):
        list(quotas.list_quota_infos(parent=f"{parent}/services/pubsub.googleapis.com"))
