"""Volumes of containers: buckets as folders in step, memory, secrets; what the emulator lacks is refused in words."""

import contextlib
import shutil
import sys
from pathlib import Path

import httpx
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import artifactregistry_v1 as ar
from google.cloud import run_v2, secretmanager_v1, storage

from emulator.apis.run.mounts.places import Mount, has_own_mounts, translated
from emulator.processes.model import CannotStartError, Program
from tests.emulator.clients import client
from tests.emulator.test_images import make_repository
from tests.emulator_iam.callers import Account, grant
from tests.emulator_run.cloud import PARENT, Cloud, service
from tests.emulator_run.conftest import SCRIPT
from tests.emulator_run.test_instances import eventually

IMAGE = "europe-west1-docker.pkg.dev/local/models/files:1"
READ, WRITE = "roles/storage.objectViewer", "roles/storage.objectUser"


class Mounted:
    """A service whose container looks at its files."""

    def __init__(self, emulator, folder):
        self.cloud = Cloud(emulator)
        self.runner = Account(emulator, "runner")
        self.storage = storage.Client(
            project="local", credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.http}
        )
        self.bucket = self.storage.create_bucket("acme-models", location="europe-west1")
        folder.mkdir()
        shutil.copy(SCRIPT, folder)
        make_repository(client(emulator, ar.ArtifactRegistryClient))
        command = [sys.executable, "-S", "-I", SCRIPT.name]
        emulator.control("POST", "images", {"image": IMAGE, "folder": str(folder), "command": command})

    def put(self, name, text):
        self.bucket.blob(name).upload_from_string(text)

    def objects(self):
        """Names and texts of what is in the bucket; one that goes in this moment is not in it."""
        found = {}
        for each in self.bucket.list_blobs():
            with contextlib.suppress(exceptions.NotFound):
                found[each.name] = each.download_as_text()
        return found

    def start(self, volumes, mounts, role=READ, **more):
        """Deploy, with the paths in a variable, as a server is told them; gives its address."""
        grant(
            self.cloud.emulator, (role, self.runner.member), ("roles/secretmanager.secretAccessor", self.runner.member)
        )
        placed = [run_v2.VolumeMount(name=name, mount_path=path) for name, path in mounts.items()]
        env = {"PATHS": ":".join(mounts.values())}
        wanted = service(IMAGE, env=env, volumes=volumes, container={"volume_mounts": placed}, **more)
        wanted.template.service_account = self.runner.email
        self.uri = self.cloud.create(wanted=wanted).uri
        paths = httpx.get(f"{self.uri}/env", timeout=20).json()["PATHS"].split(":")
        self.at = dict(zip(mounts.values(), paths, strict=True))

    def files(self, path):
        """Names and texts below a mount."""
        at = self.at[path]
        found = httpx.get(f"{self.uri}/files", params={"at": at}, timeout=20).json()
        return {name.removeprefix(f"{at}/"): text for name, text in found.items()}

    def write(self, path, name, text=None):
        """Have the container write a file, or remove it; gives what the system says against it."""
        query = {"at": f"{self.at[path]}/{name}"} | ({} if text is None else {"text": text})
        return httpx.get(f"{self.uri}/write", params=query, timeout=20).json().get("problem", "")

    def log(self):
        return [line for lines in self.cloud.emulator.control("GET", "logs?service=hello").values() for line in lines]


@pytest.fixture
def mounted(emulator, tmp_path):
    """Clients, a bucket and an image."""
    made = Mounted(emulator, tmp_path / "image")
    yield made
    made.storage.close()


def bucket(**more):
    """The volume."""
    return run_v2.Volume(name="models", gcs=run_v2.GCSVolumeSource(bucket="acme-models", **more))


@pytest.mark.slow
def test_a_bucket_is_a_folder_in_step_both_ways(mounted):
    """What is there is seen at the start; what comes, changes and goes on one side does so on the other."""
    mounted.put("a/weights.txt", "one")
    mounted.put("gone.txt", "soon")
    mounted.start([bucket()], {"models": "/models"}, WRITE)
    assert mounted.files("/models") == {"a/weights.txt": "one", "gone.txt": "soon"}

    mounted.put("a/weights.txt", "two")
    mounted.put("b.txt", "new")
    mounted.bucket.blob("gone.txt").delete()
    assert eventually(lambda: mounted.files("/models") == {"a/weights.txt": "two", "b.txt": "new"})

    assert mounted.write("/models", "out/result.txt", "made here") == ""
    assert mounted.write("/models", "b.txt") == ""
    wanted = {"a/weights.txt": "two", "out/result.txt": "made here"}
    assert eventually(lambda: mounted.objects() == wanted)
    assert mounted.files("/models") == wanted


@pytest.mark.slow
def test_what_was_written_last_is_kept(mounted):
    """A container that writes and is stopped in that moment has written."""
    mounted.start([bucket()], {"models": "/models"}, WRITE)

    mounted.write("/models", "last.txt", "words")
    mounted.cloud.services.delete_service(name=mounted.cloud.get().name).result(timeout=30)

    assert eventually(lambda: mounted.objects() == {"last.txt": "words"})


@pytest.mark.slow
@pytest.mark.parametrize(("role", "said"), [(READ, False), (WRITE, True)], ids=["may-not", "said-so"])
def test_nothing_is_written_to_a_bucket_that_is_only_read(mounted, role, said):
    """Since the volume says so, or since its account may not; then the log says what to grant."""
    mounted.put("weights.txt", "one")
    mounted.start([bucket(read_only=said)], {"models": "/models"}, role)

    problem = mounted.write("/models", "mine.txt", "x")

    assert mounted.files("/models")["weights.txt"] == "one"
    assert set(mounted.objects()) == {"weights.txt"}
    assert (problem == "Read-only file system") is has_own_mounts()
    granted = [line for line in mounted.log() if "Grant it roles/storage.objectUser on the bucket." in line]
    assert bool(granted) is not said


@pytest.mark.slow
def test_a_folder_of_a_bucket_memory_and_secrets(mounted):
    """Each at its path, in one container."""
    secrets = client(mounted.cloud.emulator, secretmanager_v1.SecretManagerServiceClient)
    made = {"parent": "projects/local", "secret_id": "conf", "secret": {"replication": {"automatic": {}}}}
    secrets.create_secret(request=made)
    for text in (b"first", b"second"):
        secrets.add_secret_version(parent="projects/local/secrets/conf", payload={"data": text})
    mounted.put("writer/weights.txt", "of the writer")
    mounted.put("reader/weights.txt", "of the reader")
    items = [{"path": "old.conf", "version": "1"}, {"path": "d/new.conf", "version": "latest"}]
    volumes = [
        bucket(read_only=True, mount_options=["only-dir=other", "implicit-dirs", "only-dir=writer/"]),
        run_v2.Volume(name="scratch", empty_dir=run_v2.EmptyDirVolumeSource(size_limit="64Mi")),
        run_v2.Volume(name="conf", secret=run_v2.SecretVolumeSource(secret="conf", items=items)),
    ]

    mounted.start(volumes, {"models": "/models", "scratch": "/var/run/acme/scratch", "conf": "/etc/server/conf.d"})

    assert mounted.files("/models") == {"weights.txt": "of the writer"}
    assert mounted.files("/etc/server/conf.d") == {"old.conf": "first", "d/new.conf": "second"}
    assert mounted.write("/var/run/acme/scratch", "x", "y") == ""
    assert mounted.files("/var/run/acme/scratch") == {"x": "y"}
    assert not Path("/etc/server").exists()
    assert not Path("/var/run/acme").exists()  # a link to /run on most systems


@pytest.mark.slow
def test_a_job_writes_its_results_into_a_bucket(mounted):
    """What it wrote last is there when it has ended, whatever its image is."""
    grant(mounted.cloud.emulator, (WRITE, mounted.runner.member))
    mount = run_v2.VolumeMount(name="models", mount_path="/out")
    container = run_v2.Container(image=IMAGE, command=["sh", "-c", "echo made > /out/a.txt"], volume_mounts=[mount])
    task = run_v2.TaskTemplate(
        containers=[container], volumes=[bucket()], service_account=mounted.runner.email, max_retries=0
    )
    wanted = run_v2.Job(template=run_v2.ExecutionTemplate(template=task))
    jobs = mounted.cloud.jobs
    made = jobs.create_job(parent=PARENT, job_id="writer", job=wanted).result(timeout=30)

    done = jobs.run_job(name=made.name).result(timeout=60)

    assert done.succeeded_count == 1
    assert eventually(lambda: mounted.objects() == {"a.txt": "made\n"})


SQL = run_v2.Volume(name="models", cloud_sql_instance=run_v2.CloudSqlInstance(instances=["local:europe-west1:db"]))
NFS = run_v2.Volume(name="models", nfs=run_v2.NFSVolumeSource(server="10.0.0.2", path="/share"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("volume", "path", "words"),
    [
        pytest.param(SQL, "/cloudsql", "the emulator has no Cloud SQL", id="cloud-sql"),
        pytest.param(NFS, "/share", "the emulator mounts no NFS", id="nfs"),
        pytest.param(
            run_v2.Volume(name="models", gcs=run_v2.GCSVolumeSource(bucket="nobodys")),
            "/models",
            "gs://nobodys: The specified bucket does not exist.",
            id="no-bucket",
        ),
        pytest.param(bucket(), "/models", "gs://acme-models: runner@local", id="no-grant"),
    ],
)
def test_what_cannot_be_mounted_is_refused_in_words(mounted, volume, path, words):
    """The revision fails, and says what is wrong."""
    with pytest.raises(exceptions.GoogleAPICallError, match=words):
        mounted.start([volume], {"models": path}, "roles/logging.logWriter")


FOLDER = Path("/state/files")


def test_paths_are_replaced_where_there_are_no_mounts():
    """As whole paths, in arguments and variables; what only looks alike stays."""
    words = ("serve", "--model=/models/a", "/models", "/models-2", "/srv/models")
    variables = {"A": "x:/models", "B": "https://host/models/a", "C": "/models/b,/models/c"}
    program = translated(Program(words, Path(), variables), [Mount("/models", FOLDER, read_only=True)], told=False)

    assert program.command == ("serve", f"--model={FOLDER}/a", str(FOLDER), "/models-2", "/srv/models")
    assert program.environment == {"A": f"x:{FOLDER}", "B": "https://host/models/a", "C": f"{FOLDER}/b,{FOLDER}/c"}
    assert program.notes == (f"'/models' is {FOLDER} here: replaced in 4 arguments and variables.",)


def test_a_mount_that_nothing_names_is_refused_where_there_are_no_mounts():
    """The container would find nothing at its path, and fail in some other way."""
    with pytest.raises(CannotStartError, match="no argument or variable names '/models'"):
        translated(Program(("serve",), Path()), [Mount("/models", FOLDER, read_only=True)], told=False)


def test_a_program_that_looks_nowhere_else_starts_where_there_are_no_mounts():
    """Images that are there by themselves open what they are told, and nothing told them of this one."""
    program = translated(Program(("serve",), Path()), [Mount("/models", FOLDER, read_only=True)], told=True)

    assert program.command == ("serve",)
    assert program.notes == ("'/models' is nowhere here: nothing names it, and this image looks nowhere else.",)
