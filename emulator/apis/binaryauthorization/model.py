"""What is stored, and under which names; who asks for attestations on Google's behalf."""

from google.cloud.binaryauthorization_v1.types import resources, service

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id
from emulator.core.world import World

API = Api("binaryauthorization")
SERVICE = "google.cloud.binaryauthorization.v1.BinauthzManagementServiceV1/"
HELPER = "google.cloud.binaryauthorization.v1.ValidationHelperV1/"
Attestor = resources.Attestor.pb()
Policy = resources.Policy.pb()
Rule = resources.AdmissionRule.pb()
Algorithm = resources.PkixPublicKey.SignatureAlgorithm
Validated = service.ValidateAttestationOccurrenceResponse.pb()
AGENT = "service-{number}@gcp-sa-binaryauthorization.iam.gserviceaccount.com"


def invalid(why: str) -> ApiFailure:
    """A refusal of what was sent; the words are ours."""
    return ApiFailure("INVALID_ARGUMENT", why)


def agent(world: World, project: str) -> str:
    """Google's own account that looks for attestations: of the project that deploys, or that has the attestor."""
    return AGENT.format(number=world.project_number(project))


ATTESTORS = Collection("binaryauthorization.attestor", Attestor, "projects/*/attestors/*", key=by_id, place=by_id)
POLICIES = Collection("binaryauthorization.policy", Policy, "projects/*/policy", key=by_id, place=by_id)
