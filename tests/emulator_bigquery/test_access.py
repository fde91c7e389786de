"""IAM: each call needs what Google says it needs, on project, dataset or table."""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery, iam_admin_v1, resourcemanager_v3
from google.oauth2.credentials import Credentials

from tests.conftest import HTTP
from tests.emulator.clients import client as google_client

ACCOUNT = "reader@acme-prod.iam.gserviceaccount.com"


@pytest.fixture
def account(emulator):
    """A client that calls as a service account without any role."""
    accounts = google_client(emulator, iam_admin_v1.IAMClient)
    accounts.create_service_account(request={"name": "projects/acme-prod", "account_id": "reader"})
    url = f"{emulator.http}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    token = HTTP.post(url, json={"scope": ["https://www.googleapis.com/auth/cloud-platform"]}).json()["accessToken"]
    with bigquery.Client("acme-prod", Credentials(token), client_options={"api_endpoint": emulator.http}) as made:
        yield made


@pytest.fixture
def owner(emulator, client):
    """A client that may do everything, and a table with a row."""
    made = bigquery.Client("acme-prod", client._credentials, client_options={"api_endpoint": emulator.http})
    made.create_dataset("shop")
    made.query_and_wait("CREATE TABLE shop.t AS SELECT 1 AS a")
    return made


def grant(emulator, *roles):
    """Give the account roles on the project, these and no others."""
    projects = google_client(emulator, resourcemanager_v3.ProjectsClient)
    bindings = [{"role": role, "members": [f"serviceAccount:{ACCOUNT}"]} for role in roles]
    projects.set_iam_policy(request={"resource": "projects/acme-prod", "policy": {"bindings": bindings}})


NEEDS = [
    (
        lambda bq: bq.query_and_wait("SELECT * FROM shop.t", retry=None),
        {"roles/bigquery.jobUser", "roles/bigquery.dataViewer"},
    ),
    (
        lambda bq: bq.query_and_wait("INSERT shop.t (a) VALUES (2)", retry=None),
        {"roles/bigquery.jobUser", "roles/bigquery.dataEditor"},
    ),
    (
        lambda bq: bq.query_and_wait("CREATE TABLE shop.u (a INT64)", retry=None),
        {"roles/bigquery.jobUser", "roles/bigquery.dataEditor"},
    ),
    (lambda bq: bq.insert_rows_json("shop.t", [{"a": 1}]), {"roles/bigquery.dataEditor"}),
    (lambda bq: bq.get_table("shop.t"), {"roles/bigquery.metadataViewer"}),
    (
        lambda bq: list(bq.list_rows("shop.t", selected_fields=[bigquery.SchemaField("a", "INT64")])),
        {"roles/bigquery.dataViewer"},
    ),
    (lambda bq: bq.create_dataset("mine"), {"roles/bigquery.user"}),
    (lambda bq: bq.delete_table("shop.t"), {"roles/bigquery.dataEditor"}),
]


@pytest.mark.parametrize(("call", "roles"), NEEDS, ids=range(len(NEEDS)))
def test_each_role_is_needed(emulator, owner, account, call, roles):
    """With one of them taken away the call is refused; with all it is not."""
    for missing in roles:
        grant(emulator, *(roles - {missing}))
        with pytest.raises(exceptions.Forbidden, match="Access Denied"):
            call(account)
    grant(emulator, *roles)

    call(account)


def test_who_may_make_tables_may_not_write_over_them(emulator, owner, account):
    """OR REPLACE takes the rows away."""
    maker = {"included_permissions": ["bigquery.tables.create", "bigquery.tables.update"]}
    roles = google_client(emulator, iam_admin_v1.IAMClient)
    made = roles.create_role(request={"parent": "projects/acme-prod", "role_id": "maker", "role": maker})
    grant(emulator, "roles/bigquery.jobUser", made.name)

    account.query_and_wait("CREATE OR REPLACE TABLE shop.u (a INT64)", retry=None)
    with pytest.raises(exceptions.Forbidden, match="updateData denied on table"):
        account.query_and_wait("CREATE OR REPLACE TABLE shop.t (a INT64)", retry=None)


def test_the_rows_of_a_job_are_its_callers_as_long_as_he_may_read_the_table(emulator, owner, account):
    """Those of a query without a table of its own always."""
    grant(emulator, "roles/bigquery.jobUser", "roles/bigquery.dataEditor")
    own = account.query("SELECT 1 AS a")
    job = account.query("SELECT 1 AS a", job_config=bigquery.QueryJobConfig(destination="acme-prod.shop.u"))
    job.result()
    grant(emulator, "roles/bigquery.jobUser")
    owner.query_and_wait("CREATE OR REPLACE TABLE shop.u AS SELECT 'secret' AS a")

    path = f"{emulator.http}/bigquery/v2/projects/acme-prod/queries"
    headers = {"Authorization": f"Bearer {account._credentials.token}"}
    assert HTTP.get(f"{path}/{job.job_id}", headers=headers).status_code == 403
    assert HTTP.get(f"{path}/{own.job_id}", headers=headers).json()["totalRows"] == "1"


def test_a_datasets_own_list_counts(emulator, owner, account):
    """READER may read, and no more; a policy of the table gives the rest."""
    grant(emulator, "roles/bigquery.jobUser")
    shop = owner.get_dataset("shop")
    shop.access_entries = [*shop.access_entries, bigquery.AccessEntry("READER", "userByEmail", ACCOUNT)]
    owner.update_dataset(shop, ["access_entries"])

    assert [row.a for row in account.query_and_wait("SELECT a FROM shop.t")] == [1]
    with pytest.raises(exceptions.Forbidden, match="updateData denied on table"):
        account.insert_rows_json("shop.t", [{"a": 2}])
    policy = owner.get_iam_policy("acme-prod.shop.t")
    policy.bindings.append({"role": "roles/bigquery.dataEditor", "members": {f"serviceAccount:{ACCOUNT}"}})
    owner.set_iam_policy("acme-prod.shop.t", policy)
    assert account.insert_rows_json("shop.t", [{"a": 2}]) == []
    asked = ["bigquery.tables.updateData", "bigquery.tables.setIamPolicy"]
    assert account.test_iam_permissions("acme-prod.shop.t", asked) == {"permissions": asked[:1]}


def test_a_view_that_is_let_in_reads_for_everybody(emulator, owner, account):
    """Of a view that is not, the reader needs the table, too."""
    owner.create_dataset("open")
    view = bigquery.Table("acme-prod.open.v")
    view.view_query = "SELECT a + 1 AS b FROM shop.t"
    owner.create_table(view)
    grant(emulator, "roles/bigquery.jobUser")
    opened = owner.get_dataset("open")
    opened.access_entries = [*opened.access_entries, bigquery.AccessEntry("READER", "userByEmail", ACCOUNT)]
    owner.update_dataset(opened, ["access_entries"])
    with pytest.raises(exceptions.Forbidden, match="getData denied on table acme-prod:shop"):
        account.query_and_wait("SELECT b FROM open.v", retry=None)
    shop = owner.get_dataset("shop")
    shop.access_entries = [*shop.access_entries, bigquery.AccessEntry(None, "view", view.reference.to_api_repr())]
    owner.update_dataset(shop, ["access_entries"])

    assert [row.b for row in account.query_and_wait("SELECT b FROM open.v")] == [2]
    for text in ("SELECT t.a FROM open.v, shop.t", "SELECT t.a FROM shop.t, open.v"):
        with pytest.raises(exceptions.Forbidden, match="getData denied on table acme-prod:shop"):
            account.query_and_wait(text, retry=None)


def test_files_are_read_as_the_account(emulator, owner, account):
    """Who may write a table may not read any bucket for it."""
    HTTP.post(f"{emulator.http}/storage/v1/b?project=acme-prod", json={"name": "files"}).raise_for_status()
    HTTP.post(
        f"{emulator.http}/upload/storage/v1/b/files/o?uploadType=media&name=x.csv", content=b"1\n"
    ).raise_for_status()
    roles = ["roles/bigquery.jobUser", "roles/bigquery.dataEditor"]
    grant(emulator, *roles)
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("a", "INT64")])

    with pytest.raises(exceptions.Forbidden, match="Access Denied: File"):
        account.load_table_from_uri("gs://files/x.csv", "shop.t", job_config=config).result()
    grant(emulator, *roles, "roles/storage.objectViewer")
    account.load_table_from_uri("gs://files/x.csv", "shop.t", job_config=config).result()
    with pytest.raises(exceptions.Forbidden):
        account.extract_table("shop.t", "gs://files/out.csv").result()


def test_jobs_of_others_are_their_own(emulator, owner, account):
    """Seen with a role for it."""
    owner.query("SELECT 1", job_id="theirs", job_retry=None).result()
    with pytest.raises(exceptions.Forbidden, match="permission in project acme-prod"):
        account.get_job("theirs")
    assert list(account.list_jobs()) == []
    grant(emulator, "roles/bigquery.admin")

    assert "theirs" in [each.job_id for each in account.list_jobs(all_users=True)]
