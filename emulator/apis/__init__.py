"""The emulated APIs, explicitly. A new one is a folder that defines `API` and a line here."""

from emulator.core.api import Listed

POLICIES = "google.iam.v1.IAMPolicy/"
"""The policy service that several APIs share: the resource's name says whose it is."""

LISTED = (
    Listed("emulator.apis.longrunning", ("google.longrunning.Operations/",)),
    Listed("emulator.apis.locations", ("google.cloud.location.Locations/",)),
    Listed("emulator.apis.iam", ("google.iam.admin.v1.",), "google.cloud.iam_admin_v1", "IAM"),
    Listed(
        "emulator.apis.resourcemanager.projects",
        ("google.cloud.resourcemanager.v3.Projects/",),
        "google.cloud.resourcemanager_v3",
        "CLOUDRESOURCEMANAGER",
    ),
    Listed(
        "emulator.apis.artifactregistry",
        ("google.devtools.artifactregistry.v1.",),
        "google.cloud.artifactregistry_v1",
        "ARTIFACTREGISTRY",
    ),
    Listed(
        "emulator.apis.containeranalysis.api",
        ("google.devtools.containeranalysis.v1.",),
        "google.cloud.devtools.containeranalysis_v1",
        "CONTAINERANALYSIS",
    ),
    Listed("emulator.apis.containeranalysis.api", ("grafeas.v1.",), "grafeas.grafeas_v1", "CONTAINERANALYSIS"),
    Listed("emulator.apis.containeranalysis.host", eager=True),
    Listed(
        "emulator.apis.binaryauthorization.api",
        ("google.cloud.binaryauthorization.v1.", POLICIES),
        "google.cloud.binaryauthorization_v1",
        "BINARYAUTHORIZATION",
    ),
    Listed("emulator.apis.registry.app", eager=True),
    Listed("emulator.apis.run.api", ("google.cloud.run.v2.",), "google.cloud.run_v2", "RUN"),
    Listed("emulator.apis.run.host", eager=True),
    Listed("emulator.apis.run_v1.routes", eager=True),
    Listed("emulator.apis.iap.api", ("google.cloud.iap.v1.IdentityAwareProxyAdminService/",), gcloud="IAP"),
    Listed("emulator.apis.iap.keys", eager=True),
    Listed("emulator.apis.storage.app", eager=True),
    Listed("emulator.apis.bigquery.app", gcloud="BIGQUERY", eager=True),
    Listed(
        "emulator.apis.secretmanager",
        ("google.cloud.secretmanager.v1.",),
        "google.cloud.secretmanager_v1",
        "SECRETMANAGER",
    ),
    Listed("emulator.apis.pubsub.api", ("google.pubsub.v1.", POLICIES), "google.pubsub_v1", "PUBSUB"),
    Listed("emulator.apis.pubsub.host", eager=True),
    Listed("emulator.apis.logging", ("google.logging.v2.",), "google.cloud.logging_v2", "LOGGING"),
    Listed("emulator.apis.monitoring", ("google.monitoring.v3.",), "google.cloud.monitoring_v3", "MONITORING"),
    Listed(
        "emulator.apis.dashboards",
        ("google.monitoring.dashboard.v1.",),
        "google.cloud.monitoring_dashboard_v1",
        "MONITORING",
    ),
    Listed(
        "emulator.apis.functions.api",
        ("google.cloud.functions.v2.", POLICIES),
        "google.cloud.functions_v2",
        "CLOUDFUNCTIONS",
    ),
    Listed("emulator.apis.functions.uploads", eager=True),
    Listed("emulator.apis.resourcemanager.project_v1", eager=True),
    Listed("emulator.apis.iamcredentials", eager=True),
    Listed("emulator.apis.workload_identity", eager=True),
    Listed("emulator.apis.functions.cloudbuild", gcloud="CLOUDBUILD", eager=True),
    Listed(
        "emulator.apis.serviceusage",
        ("google.api.serviceusage.v1.ServiceUsage/",),
        "google.cloud.service_usage_v1",
        "SERVICEUSAGE",
    ),
    Listed(
        "emulator.apis.cloudbilling",
        ("google.cloud.billing.v1.CloudBilling/", "google.cloud.billing.v1.CloudCatalog/"),
        "google.cloud.billing_v1",
        "CLOUDBILLING",
        narrow=True,
    ),
    Listed(
        "emulator.apis.billingbudgets.api",
        ("google.cloud.billing.budgets.v1.",),
        "google.cloud.billing.budgets_v1",
        "BILLINGBUDGETS",
    ),
    Listed("emulator.apis.orgpolicy", ("google.cloud.orgpolicy.v2.",), "google.cloud.orgpolicy_v2", "ORGPOLICY"),
    Listed(
        "emulator.apis.cloudquotas",
        ("google.api.cloudquotas.v1.",),
        "google.cloud.cloudquotas_v1",
        "CLOUDQUOTAS",
    ),
    Listed("emulator.apis.scheduler", ("google.cloud.scheduler.v1.",), "google.cloud.scheduler_v1", "CLOUDSCHEDULER"),
    Listed(
        "emulator.apis.aiplatform.api",
        (
            "google.cloud.aiplatform.v1.ModelService/",
            "google.cloud.aiplatform.v1.JobService/",
            "google.cloud.aiplatform.v1.PipelineService/",
        ),
        "google.cloud.aiplatform_v1",
        "AIPLATFORM",
        narrow=True,
    ),
    Listed(
        "emulator.apis.aiplatform.monitoring.api",
        (
            "google.cloud.aiplatform.v1beta1.ModelMonitoringService/",
            "google.cloud.aiplatform.v1beta1.ScheduleService/",
        ),
        "google.cloud.aiplatform_v1beta1",
        "AIPLATFORM",
        narrow=True,
    ),
    Listed(
        "emulator.apis.aiplatform.monitoring.api",
        ("google.cloud.aiplatform.v1.ScheduleService/",),
        "google.cloud.aiplatform_v1",
        "AIPLATFORM",
        narrow=True,
    ),
    Listed("emulator.apis.aiplatform.host", eager=True),
)
