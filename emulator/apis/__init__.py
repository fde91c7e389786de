"""The emulated APIs, explicitly. A new one is a module that defines `API` and a line here."""

from emulator.core.api import Listed

LISTED = (
    Listed("emulator.apis.longrunning", ("google.longrunning.Operations/",)),
    Listed("emulator.apis.locations", ("google.cloud.location.Locations/",)),
    Listed("emulator.apis.iam", ("google.iam.admin.v1.",)),
    Listed("emulator.apis.resourcemanager", ("google.cloud.resourcemanager.v3.Projects/",)),
    Listed("emulator.apis.artifactregistry", ("google.devtools.artifactregistry.v1.",)),
    Listed("emulator.apis.run.api", ("google.cloud.run.v2.",)),
    Listed("emulator.apis.run.host", eager=True),
    Listed("emulator.apis.run_v1.routes", eager=True),
    Listed("emulator.apis.storage.app", eager=True),
    Listed("emulator.apis.secretmanager", ("google.cloud.secretmanager.v1.",)),
)
