"""The environment variables that point Google's clients and gcloud at this emulator."""

from emulator.apis import LISTED
from emulator.core.world import PROJECT, World

GCLOUD_APIS = tuple(listed.gcloud for listed in LISTED if listed.gcloud)
"""APIs whose override is the bare address; gcloud adds the version path itself."""


def environment(world: World) -> dict[str, str]:
    """Variables by name. `GOOGLE_APPLICATION_CREDENTIALS` names a key that is worth nothing elsewhere.

    Source: `gcloud topic configurations` (CLOUDSDK_…); for the others google-auth and Google's clients of Cloud Storage
        and Pub/Sub.
    """
    url = world.http_url
    # gcloud puts the region before the host (`europe-west4-127.0.0.1`). No name server knows that name, so gcloud is
    # told that we are its proxy; nor can it reach any other host then.
    address, _, port = url.removeprefix("http://").partition(":")
    return {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_APPLICATION_CREDENTIALS": str(world.state_dir / "credentials.json"),
        "STORAGE_EMULATOR_HOST": url,
        "BIGQUERY_EMULATOR_HOST": url,
        "GCE_METADATA_HOST": url.removeprefix("http://"),
        "PUBSUB_EMULATOR_HOST": world.grpc_target,
        "MLSERVICE_EMULATOR": url,
        "MLSERVICE_EMULATOR_GRPC": world.grpc_target,
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": address,
        "CLOUDSDK_PROXY_PORT": port,
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{url}/storage/v1/",
    } | {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{url}/" for api in GCLOUD_APIS}
