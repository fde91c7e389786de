"""Facts about Google Cloud that change with time: regions, and what is offered where."""

# Source: https://cloud.google.com/run/docs/locations, and the locations of Google's billing catalogue of 2026-10.
_NUMBERS_OF = {
    "africa-south": (1,),
    "asia-east": (1, 2),
    "asia-northeast": (1, 2, 3),
    "asia-south": (1, 2),
    "asia-southeast": (1, 2, 3),
    "australia-southeast": (1, 2),
    "europe-central": (2,),
    "europe-north": (1, 2),
    "europe-southwest": (1,),
    "europe-west": (1, 2, 3, 4, 6, 8, 9, 10, 12),
    "me-central": (1, 2),
    "me-west": (1,),
    "northamerica-northeast": (1, 2),
    "northamerica-south": (1,),
    "southamerica-east": (1,),
    "southamerica-west": (1,),
    "us-central": (1,),
    "us-east": (1, 4, 5, 7),
    "us-south": (1,),
    "us-west": (1, 2, 3, 4, 8),
}
REGIONS = frozenset(f"{area}{number}" for area, numbers in _NUMBERS_OF.items() for number in numbers)

# Regions of each accelerator; the last of each row is by invitation.
# Source: https://cloud.google.com/run/docs/configuring/services/gpu
GPU_REGIONS = {
    "nvidia-l4": ("us-central1", "us-east4", "europe-west1", "europe-west4", "asia-southeast1", "asia-south1"),
    "nvidia-rtx-pro-6000": ("us-central1", "europe-west4", "asia-southeast1", "asia-south2"),
}

# Names Cloud Run sets itself. Source: https://cloud.google.com/run/docs/container-contract
RESERVED_ENV = frozenset(
    {
        "PORT",
        "K_SERVICE",
        "K_REVISION",
        "K_CONFIGURATION",
        "CLOUD_RUN_JOB",
        "CLOUD_RUN_EXECUTION",
        "CLOUD_RUN_TASK_INDEX",
        "CLOUD_RUN_TASK_ATTEMPT",
        "CLOUD_RUN_TASK_COUNT",
    }
)
