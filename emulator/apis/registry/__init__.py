"""What container tools speak with `*-docker.pkg.dev`: the OCI distribution protocol, over Artifact Registry's images.

The emulator has one address, so the registry's host is the first word of a name here: where Google has
`europe-west1-docker.pkg.dev/local/models/scorer:v1`, the emulator has
`127.0.0.1:PORT/europe-west1-docker.pkg.dev/local/models/scorer:v1`.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md;
    https://cloud.google.com/artifact-registry/docs/reference/docker-api.
"""
