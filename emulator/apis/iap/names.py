"""What IAP calls a Cloud Run service: `projects/P/iap_web/cloud_run-REGION/services/NAME`.

Source: https://cloud.google.com/iap/docs/managing-access#resources_and_permissions; the project by id or number.
"""

import re

_SERVICE = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/services/(?P<name>[^/]+)")
_PROTECTED = re.compile(r"projects/(?P<project>[^/]+)/iap_web/cloud_run-(?P<region>[^/]+)/services/(?P<name>[^/]+)")


def protected(service: str) -> str:
    """IAP's name of a service."""
    return _SERVICE.sub(r"projects/\g<project>/iap_web/cloud_run-\g<region>/services/\g<name>", service)


def service_of(resource: str) -> str | None:
    """Cloud Run's name of what IAP protects; None: it is no service of Cloud Run's."""
    found = _PROTECTED.fullmatch(resource)
    return f"projects/{found['project']}/locations/{found['region']}/services/{found['name']}" if found else None


def audience(service: str, number: str) -> str:
    """Whom IAP's word is for.

    Args:
        service: Its full name.
        number: The project's.

    Source: https://cloud.google.com/iap/docs/signed-headers-howto, for Cloud Run.
    """
    return _SERVICE.sub(rf"/projects/{number}/locations/\g<region>/services/\g<name>", service)
