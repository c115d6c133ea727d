"""docker-compose.yml, loaded by the library that Docker Compose loads it with: no engine runs here."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import missing

from places import ROOT, TESTS

KAFKA = "docker-compose.kafka.yml"
EXAMPLE = ROOT / ".env.example"
SCRIPTS = [*sorted((ROOT / "docker").glob("*.sh")), TESTS / "support" / "servers.sh"]
ONCE = {"setup", "dashboards"}
ELASTIC = {"filebeat", "elasticsearch", "logstash", "kibana", "rollup"}
LASTING = {"redis", "worker", "producer", "monitor"} | ELASTIC
CELERY = {"rabbitmq", "celery-worker", "celery-producer", "celery-monitor"}
SECRET = re.compile(r"\w+_(?:PASSWORD|KEY)")
GIB = 2**30


def variables(path):
    """The variables that a file like .env sets."""
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))


@pytest.fixture(scope="session")
def compose(tmp_path_factory):
    """Loads a docker-compose.yml; what came of it."""
    go = shutil.which("go") or missing("go")
    binary = tmp_path_factory.mktemp("compose") / "compose"
    source = TESTS / "support" / "compose"
    built = subprocess.run(
        [go, "build", "-o", binary, "."], cwd=source, capture_output=True, text=True, check=False
    )
    if built.returncode:
        missing(f"the Compose loader ({built.stderr.strip()})")

    def load(folder, *others):
        return subprocess.run(
            [binary, folder / "docker-compose.yml", *(folder / name for name in others)],
            env={"HOME": str(folder), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )

    return load


@pytest.fixture
def clone(tmp_path):
    """A folder with the Compose file and a new .env."""
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    subprocess.run(["sh", ROOT / "docker" / "make-env.sh", tmp_path / ".env"], check=True)
    return tmp_path


@pytest.fixture
def with_kafka(compose, clone):
    """The services of the stack with Kafka between Filebeat and Logstash."""
    shutil.copy(ROOT / KAFKA, clone)
    done = compose(clone, KAFKA)
    assert done.stderr == ""
    return json.loads(done.stdout)["services"]


@pytest.fixture
def everything(compose, clone):
    """The stack with all of its profiles."""
    edit(clone / ".env", "COMPOSE_PROFILES=demo", "COMPOSE_PROFILES=demo,celery")
    done = compose(clone)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture
def light(compose, clone):
    """The services of the stack without Logstash, by name."""
    done = compose(clone, shutil.copytree(ROOT / "docker", clone / "docker") / "light.yml")
    assert done.stderr == ""
    return json.loads(done.stdout)["services"]


@pytest.fixture
def loaded(everything):
    """The services of the stack, by name."""
    return everything["services"]


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# It loads, and faults are found


def test_it_loads_from_a_new_env_without_a_warning(compose, clone):
    done = compose(clone)

    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)["services"]) == ONCE | LASTING


def test_a_wrong_key_is_refused_by_its_path(compose, clone):
    edit(clone / "docker-compose.yml", "    hostname: worker", "    hostnames: worker")
    done = compose(clone)

    assert done.returncode == 1
    assert "services.worker" in done.stderr
    assert "hostnames" in done.stderr


@pytest.mark.parametrize("name", ["REDIS_MEMORY", "RABBITMQ_WATERMARK", "RABBITMQ_PORT"])
def test_a_variable_that_is_misspelt_is_refused(compose, clone, name):
    edit(clone / "docker-compose.yml", f"${{{name}:?", f"${{{name}X:?")

    assert f"required variable {name}X is missing a value: make up writes .env" in compose(clone).stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{source: rabbitmq, target: /etc", "{source: rabitmq, target: /etc"),
        ("secrets: [rabbitmq_password]", "secrets: [rabbit_password]"),
        ('"rabbitmq:/var/lib/rabbitmq"', '"rabbit:/var/lib/rabbitmq"'),
        ("rabbitmq: {condition: service_healthy}", "rabbit: {condition: service_healthy}"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(compose, clone, old, new):
    edit(clone / ".env", "COMPOSE_PROFILES=demo", "COMPOSE_PROFILES=celery")
    edit(clone / "docker-compose.yml", old, new)

    assert compose(clone).returncode == 1


def test_without_env_it_is_refused(compose, clone):
    (clone / ".env").unlink()
    done = compose(clone)

    assert done.returncode == 1
    assert "make up writes .env" in done.stderr


@pytest.mark.parametrize("name", [each for each in variables(EXAMPLE) if SECRET.fullmatch(each)])
@pytest.mark.parametrize("how", ["empty", "gone"])
def test_without_one_of_the_passwords_it_is_refused(compose, clone, name, how):
    replacement = f"{name}=" if how == "empty" else ""
    text = re.sub(rf"^{name}=.*$", replacement, (clone / ".env").read_text(), flags=re.MULTILINE)
    (clone / ".env").write_text(text)
    done = compose(clone)

    assert done.returncode == 1
    assert re.search(r'secret "\w+" must declare either', done.stderr)


def test_the_example_alone_starts_nothing(compose, clone):
    shutil.copy(EXAMPLE, clone / ".env")

    assert compose(clone).returncode == 1


# What is reachable, and what is secret


def test_every_port_is_on_loopback(loaded):
    ports = [port for each in loaded.values() for port in each.get("ports", [])]

    assert len(ports) == 5
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_redis_is_reached_by_its_workers_producer_and_monitor_only(loaded, everything):
    joined = {name for name, each in loaded.items() if "queue" in each["networks"]}

    assert joined == {"redis", "worker", "producer", "monitor"}
    assert everything["networks"]["queue"]["internal"] is True


def test_rabbitmq_is_on_a_network_of_its_own(loaded):
    joined = {name for name, each in loaded.items() if "celery" in each["networks"]}

    assert joined == CELERY
    assert {tuple(loaded[name]["networks"]) for name in CELERY} == {("celery",)}


def test_rabbitmq_gets_its_password_where_it_looks_for_it(loaded):
    """As a variable of its process: the image refuses a file's name. Its users read the same secret."""
    [secret] = loaded["rabbitmq"]["secrets"]

    assert (secret["source"], secret["target"]) == ("rabbitmq_password", "RABBITMQ_DEFAULT_PASS")
    assert loaded["rabbitmq"]["entrypoint"][:2] == ["sh", "/opt/with-secrets.sh"]
    assert loaded["rabbitmq"]["command"] == ["rabbitmq-server"]  # an entrypoint drops the image's own
    for name in CELERY - {"rabbitmq"}:
        assert [each["source"] for each in loaded[name]["secrets"]] == ["rabbitmq_password"]
        assert loaded[name]["entrypoint"] == ["sh", "/opt/with-broker.sh"]


def test_rabbitmq_stops_publishers_before_its_container_is_full(loaded, everything):
    settings = dict(
        re.findall(r"^(\w+)\.absolute = (\d+)MB$", everything["configs"]["rabbitmq"]["content"], re.MULTILINE)
    )
    [config] = loaded["rabbitmq"]["configs"]

    assert config["target"].startswith("/etc/rabbitmq/conf.d/")
    assert set(settings) == {"vm_memory_high_watermark", "disk_free_limit"}
    share = int(settings["vm_memory_high_watermark"]) * 10**6 / int(loaded["rabbitmq"]["mem_limit"])
    assert 0.4 <= share <= 0.6


def test_celery_s_workers_are_recorded_and_run_the_demonstration(loaded):
    command = loaded["celery-worker"]["command"]
    shown = f"from {command[command.index('--app') + 1]} import app; print(*app.tasks)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)

    assert {"slowtask.demo.tasks.send_mail", "slowtask.demo.tasks.compute"} < set(done.stdout.split())
    assert command[command.index("--pool") + 1] == "prefork"


def test_no_two_workers_write_one_file(loaded):
    """Each rotates its own; Filebeat ships all of them."""
    names = {loaded[name]["environment"]["SLOWTASK_LOG"] for name in ("worker", "celery-worker")}

    assert len(names) == 2
    assert all(name.endswith(".ndjson") for name in names)
    for monitor, worker in (("monitor", "worker"), ("celery-monitor", "celery-worker")):
        runs = loaded[monitor]["environment"]["SLOWTASK_MONITOR_RUNS"]
        assert runs == loaded[worker]["environment"]["SLOWTASK_LOG"]


def test_no_password_stands_where_docker_inspect_shows_it(loaded, clone):
    values = [value for name, value in variables(clone / ".env").items() if SECRET.fullmatch(name)]
    shown = json.dumps(loaded)

    assert len(values) == 7
    assert [value for value in values if value in shown] == []


def test_no_variable_of_a_container_holds_a_password(loaded):
    named = {name for each in loaded.values() for name in each.get("environment", {})}

    assert {name for name in named if re.search("PASSWORD|KEY|SECRET", name)} == {
        name for name in named if name.endswith("_PASSWORD_FILE")
    }


def test_each_password_file_is_a_secret_of_that_container(loaded):
    for each in loaded.values():
        files = {
            value for value in (each.get("environment") or {}).values() if str(value).startswith("/run/")
        }

        assert files <= {secret["target"] for secret in each.get("secrets", [])}


def test_no_secret_names_an_owner_or_a_mode(loaded):
    """Engines older than 28 would look the image's user up on the host, and not start the container."""
    named = [
        (name, secret["source"])
        for name, each in loaded.items()
        for secret in each.get("secrets", [])
        if secret.keys() & {"uid", "gid", "mode"}
    ]

    assert named == []


def test_elasticsearch_gets_its_password_where_it_looks_for_it(loaded):
    [secret] = loaded["elasticsearch"]["secrets"]

    assert (secret["source"], secret["target"]) == ("elastic_password", "ELASTIC_PASSWORD")
    assert loaded["elasticsearch"]["entrypoint"] == [
        "sh", "/opt/with-secrets.sh", "/usr/local/bin/docker-entrypoint.sh",
    ]  # fmt: skip
    assert loaded["elasticsearch"]["command"] == ["eswrapper"]  # an entrypoint drops the image's own


def test_no_variable_has_a_dot_in_its_name(loaded):
    """A shell between the engine and the program drops it."""
    names = {name for each in loaded.values() for name in each.get("environment", {})}

    assert {name for name in names if not re.fullmatch(r"[A-Za-z_]\w*", name)} == set()


def test_nothing_runs_as_root_with_rights(loaded):
    for each in loaded.values():
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert each.get("user", "1000") not in ("0", "root", "0:0")
        assert not each.get("privileged")
    assert re.search(r"^USER 10001:10001$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE)


def test_security_is_on_and_the_licence_is_basic(loaded):
    settings = yaml.safe_load((ROOT / "docker" / "elasticsearch.yml").read_text())
    mounted = {Path(each["source"]).name: each["target"] for each in loaded["elasticsearch"]["volumes"]}

    assert mounted["elasticsearch.yml"] == "/usr/share/elasticsearch/config/elasticsearch.yml"
    assert settings["xpack.security.enabled"] is True
    assert settings["xpack.license.self_generated.type"] == "basic"


# What keeps it running


def test_every_lasting_service_has_a_healthcheck_a_limit_and_a_restart(loaded):
    for name in LASTING | CELERY:
        assert loaded[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        assert int(loaded[name]["mem_limit"]) > 0
        assert loaded[name]["restart"] == "unless-stopped"


def test_a_set_up_runs_once(loaded):
    for name in ONCE:
        assert loaded[name]["restart"] == "no"
        assert "healthcheck" not in loaded[name]
        assert int(loaded[name]["mem_limit"]) > 0


def test_all_limits_fit_a_docker_of_six_gigabytes_and_with_celery_of_eight(loaded):
    """Docker Desktop keeps some of it, and docker/require.sh takes a tenth less than the limits."""
    limits = {name: int(each["mem_limit"]) * 0.9 for name, each in loaded.items()}

    assert sum(limits[name] for name in limits.keys() - CELERY) <= 5.8 * GIB
    assert sum(limits.values()) <= 7.8 * GIB


@pytest.mark.parametrize(
    ("service", "heap"), [("elasticsearch", "ES_JAVA_OPTS"), ("logstash", "LS_JAVA_OPTS")]
)
def test_a_heap_leaves_room_beside_it(loaded, service, heap):
    amount, unit = re.search(r"-Xmx(\d+)([mg])", loaded[service]["environment"][heap]).groups()
    size = int(amount) * {"m": 2**20, "g": GIB}[unit]

    assert size <= 0.6 * int(loaded[service]["mem_limit"])


def test_what_a_service_waits_for_can_come(loaded):
    for each in loaded.values():
        for name, wanted in (each.get("depends_on") or {}).items():
            kind = "service_completed_successfully" if name in ONCE else "service_healthy"

            assert wanted["condition"] == kind


def test_all_but_the_first_wait_for_another(loaded):
    assert {name for name, each in loaded.items() if not each.get("depends_on")} == {
        "redis", "rabbitmq", "elasticsearch",
    }  # fmt: skip


def test_what_containers_say_is_bounded(loaded):
    assert {each["logging"]["options"]["max-size"] for each in loaded.values()} == {"10m"}


def test_what_must_last_is_in_a_named_volume(everything):
    used = {
        each["source"]
        for service in everything["services"].values()
        for each in service.get("volumes", [])
        if each["type"] == "volume"
    }

    assert used == set(everything["volumes"])
    assert used == {"redis", "rabbitmq", "logs", "filebeat", "elasticsearch", "logstash", "kibana"}


def test_the_worker_writes_the_folder_that_filebeat_reads(loaded):
    [written] = loaded["worker"]["volumes"]
    [read] = [each for each in loaded["filebeat"]["volumes"] if each["target"] == "/var/log/slowtask"]

    assert (read["source"], read["target"]) == (written["source"], written["target"])
    assert read["read_only"]
    assert loaded["worker"]["environment"]["SLOWTASK_LOG"].startswith(f"{written['target']}/")


def test_the_pool_has_both_of_our_classes(loaded):
    command = loaded["worker"]["command"]

    assert command[:2] == ["rq", "worker-pool"]
    assert command[command.index("--job-class") + 1] == "slowtask.rq.TimedJob"
    assert command[command.index("--worker-class") + 1] == "slowtask.rq.TimedWorker"


# Settings


@pytest.mark.parametrize(
    ("profiles", "absent"),
    [
        ("demo", CELERY),
        ("queue", {"producer"} | CELERY),
        ("", {"producer", "worker", "redis", "monitor"} | CELERY),
        ("celery", {"producer", "worker", "redis", "monitor"}),
        ("queue,celery", {"producer"}),
    ],
    ids=["demo", "queue", "none", "celery", "both"],
)
def test_a_setting_says_what_runs(compose, clone, profiles, absent):
    edit(clone / ".env", "COMPOSE_PROFILES=demo", f"COMPOSE_PROFILES={profiles}")
    done = compose(clone)

    assert done.stderr == ""
    assert (ONCE | LASTING | CELERY) - set(json.loads(done.stdout)["services"]) == absent


def test_the_pages_ports_are_those_of_the_example():
    page = (ROOT / "docs" / "stack-services.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+_PORT)` \|", page, re.MULTILINE)
    example = variables(EXAMPLE)

    assert dict(map(reversed, rows)) == {name: example[name] for name in example if name.endswith("_PORT")}


def test_two_settings_read_the_logs_of_ones_own_workers(compose, clone):
    edit(clone / ".env", "COMPOSE_PROFILES=demo", "COMPOSE_PROFILES=")
    edit(clone / ".env", "SLOWTASK_LOG_FOLDER=logs", "SLOWTASK_LOG_FOLDER=/var/log/shop")
    services = json.loads(compose(clone).stdout)["services"]
    [read] = [each for each in services["filebeat"]["volumes"] if each["target"] == "/var/log/slowtask"]

    assert (read["type"], read["source"], read["read_only"]) == ("bind", "/var/log/shop", True)


def test_versions_stand_in_the_example_only(loaded):
    for path in (ROOT / "docker-compose.yml", *(ROOT / "docker").iterdir(), *(ROOT / "filebeat").iterdir()):
        assert re.findall(r"\b9\.\d+\.\d+|(?:image|FROM).*:\d", path.read_text()) == [], path
    elastic = variables(EXAMPLE)["ELASTIC_VERSION"]
    assert re.fullmatch(r"9\.5\.\d+", elastic)
    images = {each["image"] for name, each in loaded.items() if name in ("filebeat", "logstash", "kibana")}
    assert {image.rpartition(":")[2] for image in images} == {elastic}


def test_every_setting_of_the_example_is_used_and_explained():
    """By the Compose file, or by Compose itself."""
    text = (ROOT / "docker-compose.yml").read_text()

    assert [name for name in variables(EXAMPLE) if f"${{{name}:" not in text] == ["COMPOSE_PROFILES"]
    assert all(line.startswith("#") or "=" in line or not line for line in EXAMPLE.read_text().splitlines())


def test_every_file_that_is_mounted_or_built_from_is_here(loaded, clone):
    mounted = {
        each["source"]
        for service in loaded.values()
        for each in service.get("volumes", [])
        if each["type"] == "bind"
    }
    paths = {ROOT / Path(source).relative_to(clone) for source in mounted} | {ROOT / "docker" / "Dockerfile"}

    assert [path for path in sorted(paths) if not path.exists()] == []


def test_a_missing_file_is_an_error_and_no_empty_folder(loaded):
    binds = [
        each for service in loaded.values() for each in service.get("volumes", []) if each["type"] == "bind"
    ]

    assert len(binds) == 12
    assert [each["source"] for each in binds if each["bind"].get("create_host_path", True)] == []


def test_the_page_tells_of_every_service_its_limit_and_volume(loaded):
    page = (ROOT / "docs" / "stack-services.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| (\d+) MB \| (?:`(\w+)`)? ?\|$", page, re.MULTILINE)
    limits = {name: int(each["mem_limit"]) // 2**20 for name, each in loaded.items()}

    assert {name: int(limit) for name, limit, _ in rows} == limits
    assert {volume for _, _, volume in rows if volume} == {
        "redis", "rabbitmq", "logs", "filebeat", "elasticsearch", "logstash", "kibana",
    }  # fmt: skip


# Without Logstash


def test_the_light_stack_has_all_services_but_logstash(light):
    assert set(light) == (ONCE | LASTING) - {"logstash"}


def test_the_setting_of_the_light_stack_stands_in_the_example():
    [files] = re.findall(r"^#COMPOSE_FILE=(.*)$", EXAMPLE.read_text(), re.MULTILINE)

    assert files.split(":") == ["docker-compose.yml", "docker/light.yml"]
    assert files in (ROOT / "docs" / "stack-light.md").read_text()


def test_its_filebeat_has_the_file_that_sends_to_elasticsearch_and_its_password_as_a_secret(light):
    filebeat = light["filebeat"]
    mounted = {each["target"]: Path(each["source"]).name for each in filebeat["volumes"]}

    assert mounted["/usr/share/filebeat/filebeat.yml"] == "light.yml"
    assert set(filebeat["environment"]) == {"ELASTICSEARCH_HOSTS", "SLOWTASK_NAMESPACE"}
    assert [each["target"] for each in filebeat["secrets"]] == ["SLOWTASK_LOGSTASH_PASSWORD"]
    assert (
        filebeat["entrypoint"][:2] == filebeat["healthcheck"]["test"][1:3] == ["sh", "/opt/with-secrets.sh"]
    )
    assert set(filebeat["depends_on"]) == {"elasticsearch", "setup"}


def test_its_limits_add_up_to_what_the_page_says(light):
    total = sum(int(each["mem_limit"]) for each in light.values())

    assert f"add up to {total / GIB:.1f} GB" in (ROOT / "docs" / "stack-light.md").read_text()


# The image


def test_what_the_image_copies_is_not_ignored():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [
        "docker/healthy.py",
        "docker/with-broker.sh",
        "app",
        "logstash",
        "pyproject.toml",
        "slowtask-cli",
        "README.md",
        "LICENSE",
    ]

    assert set(sources) <= kept
    assert not {".env", ".git", "tests"} & kept


def test_the_image_has_the_folder_of_the_log_as_its_users(loaded):
    text = (ROOT / "docker" / "Dockerfile").read_text()

    assert "--owner slowtask --group slowtask" in text
    assert loaded["worker"]["volumes"][0]["target"] in text


# The scripts


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_valid_sh(path):
    subprocess.run(["sh", "-n", path], check=True)


def test_checks_by_shell_are_valid_sh(loaded):
    for each in loaded.values():
        match each.get("healthcheck", {}).get("test"):
            case ["CMD-SHELL", line] | ["CMD", "bash", "-c", line]:
                subprocess.run(["sh", "-n"], input=line, text=True, check=True)


def test_the_env_is_written_once_for_its_owner_only(clone):
    before = (clone / ".env").read_text()
    subprocess.run(["sh", ROOT / "docker" / "make-env.sh", clone / ".env"], check=True)

    assert stat.S_IMODE((clone / ".env").stat().st_mode) == 0o600
    assert (clone / ".env").read_text() == before
    assert sorted(each.name for each in clone.iterdir()) == [".env", "docker-compose.yml"]


def test_passwords_are_long_and_differ_each_time(clone, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / ".env"
    subprocess.run(["sh", ROOT / "docker" / "make-env.sh", other], check=True)
    found = [
        value
        for path in (clone / ".env", other)
        for name, value in variables(path).items()
        if SECRET.fullmatch(name)
    ]

    assert len(found) == len(set(found)) == 14
    assert min(map(len, found)) >= 32


def test_the_env_keeps_every_other_setting_of_the_example(clone):
    written, example = variables(clone / ".env"), variables(EXAMPLE)

    assert list(written) == list(example)
    assert {name for name in example if written[name] != example[name]} == set(
        filter(SECRET.fullmatch, example)
    )


def test_a_secret_becomes_the_variable_of_its_name(tmp_path):
    (tmp_path / "KIBANA_SYSTEM_PASSWORD").write_text("it's $HOME `x`")
    done = subprocess.run(
        ["sh", ROOT / "docker" / "with-secrets.sh", "printenv", "KIBANA_SYSTEM_PASSWORD"],
        env=os.environ | {"SECRETS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "it's $HOME `x`\n"


def test_the_broker_s_addresses_have_the_password_in_them(tmp_path):
    (tmp_path / "password").write_text("it's $HOME @/`x`\n")
    done = subprocess.run(
        ["sh", ROOT / "docker" / "with-broker.sh", "printenv"],
        env=os.environ | {"RABBITMQ_PASSWORD_FILE": str(tmp_path / "password")},
        capture_output=True,
        text=True,
        check=True,
    )
    given = dict(line.partition("=")[::2] for line in done.stdout.splitlines())

    assert given["CELERY_BROKER_URL"] == "amqp://slowtask:it%27s%20%24HOME%20%40%2F%60x%60@rabbitmq:5672//"
    assert given["SLOWTASK_CELERY_URL"] == given["CELERY_BROKER_URL"]
    assert (
        given["SLOWTASK_MANAGEMENT_URL"] == "http://slowtask:it%27s%20%24HOME%20%40%2F%60x%60@rabbitmq:15672"
    )


def test_without_the_broker_s_password_nothing_is_started(tmp_path):
    done = subprocess.run(
        ["sh", ROOT / "docker" / "with-broker.sh", "touch", tmp_path / "started"],
        env=os.environ | {"RABBITMQ_PASSWORD_FILE": str(tmp_path / "gone")},
        capture_output=True,
        check=False,
    )

    assert done.returncode != 0
    assert not (tmp_path / "started").exists()


def test_kibana_is_given_every_variable_that_its_settings_name(loaded):
    named = set(re.findall(r"\$\{(\w+)\}", (ROOT / "docker" / "kibana.yml").read_text()))
    given = {Path(each["target"]).name for each in loaded["kibana"]["secrets"]}

    assert named == given | set(loaded["kibana"]["environment"]) - {"NODE_OPTIONS"}


#: What `docker/up.sh` and what it sources call, beside `docker`.
TOOLS = ("sh", "dirname", "awk", "sed", "grep", "cat", "od", "tr", "mv", "echo", "df", "ss")


@pytest.fixture
def up(tmp_path):
    """Runs `docker/up.sh` of a clone, with a stand-in for `docker` that answers as *answers* say."""
    for folder in ("docker", "bin"):
        (tmp_path / folder).mkdir()
    for script in (ROOT / "docker").glob("*.sh"):
        shutil.copy(script, tmp_path / "docker")
    shutil.copy(EXAMPLE, tmp_path)
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or missing(tool))

    def run(**answers):
        if answers.get("docker", "here") != "nowhere":
            (tmp_path / "bin" / "docker").write_text(DOCKER.format(**ANSWERS | answers))
            (tmp_path / "bin" / "docker").chmod(0o755)
        return subprocess.run(
            [shutil.which("sh"), tmp_path / "docker" / "up.sh"],
            env={"PATH": str(tmp_path / "bin"), "CALLS": str(tmp_path / "calls"), "ROOT": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


#: A docker of a machine that has all it takes. It notes what it is asked.
DOCKER = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
  "compose version --short") {compose} ;;
  "buildx version") {buildx} ;;
  "info --format {{{{.ServerVersion}}}}") {engine} ;;
  "info --format {{{{.MemTotal}}}}") echo {memory} ;;
  "info --format {{{{.DockerRootDir}}}}") echo "{root}" ;;
  "compose config") cat <<END
name: slowtask
    image: a/kibana:1
    mem_limit: "6000000000"
        published: "{port}"
END
  ;;
  "image inspect a/kibana:1") {images} ;;
  "ps --filter publish="*) echo "{holder}" ;;
  "compose config --services") printf '%s\\n' elasticsearch dashboards kibana ;;
esac
"""
ANSWERS = {
    "compose": "echo 2.40.3",
    "buildx": "exit 1",
    "engine": "echo 20.10.24",
    "memory": 6 * 10**9,
    "root": "/nowhere",
    "port": 5601,
    "images": "exit 0",
    "holder": "slowtask-kibana-1 slowtask",
}
NO_RIGHTS = "echo permission denied while trying to connect >&2; exit 1"


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"docker": "nowhere"}, "the stack needs Docker: install it, with its Compose plugin 2.24 or newer."),
        (
            {"compose": "exit 1"},
            "Docker has no Compose plugin here: install docker-compose-plugin, 2.24 or newer.",
        ),
        (
            {"compose": "echo 2.23.3"},
            "Docker Compose is 2.23.3, but the stack needs 2.24 or newer: update it.",
        ),
        (
            {"compose": "echo v1.29.2"},
            "Docker Compose is 1.29.2, but the stack needs 2.24 or newer: update it.",
        ),
        ({"engine": "exit 1"}, "no Docker engine answers at the address of docker context show: start it."),
        ({"engine": NO_RIGHTS}, "this user may not use the Docker engine: add it to the group docker"),
        (
            {"buildx": "echo github.com/docker/buildx v0.14.1 59582a8"},
            "buildx is 0.14.1, but Compose 2.40.3 needs 0.17 or newer: update docker-buildx-plugin,",
        ),
        ({"memory": 3 * 10**9}, "Docker has 3000 MB of memory, but the stack may use 6000 MB."),
    ],
    ids=["docker", "plugin", "old", "older", "engine", "rights", "buildx", "memory"],
)
def test_a_docker_that_cannot_run_it_is_told_in_one_line(up, answers, sentence, tmp_path):
    done = up(**answers)

    assert done.returncode == 1
    assert told(done).startswith(f"make: {sentence}")
    assert "compose up" not in calls(tmp_path)


def test_too_little_disk_is_told_with_its_place(up, tmp_path):
    (tmp_path / "bin" / "df").unlink()
    (tmp_path / "bin" / "df").write_text("#!/bin/sh\necho Filesystem\necho /dev/vda 9 9 5000000 9% /\n")
    (tmp_path / "bin" / "df").chmod(0o755)
    wanting = up(root=tmp_path, images="exit 1")
    enough = up(root=tmp_path, images="exit 0")

    assert told(wanting) == (
        f"make: {tmp_path}, the folder of Docker's data, has 5 GB of free disk, but the stack needs 10 GB: "
        "free some."
    )
    assert enough.returncode == 0, enough.stderr


def test_a_port_that_another_container_has_is_told_with_its_name_and_the_setting(up):
    done = up(holder="other-kibana-1 other")

    assert told(done) == (
        "make: port 5601 of 127.0.0.1 is used by the container other-kibana-1: stop that, or set another "
        "KIBANA_PORT in .env."
    )


def test_a_port_that_a_program_has_is_told_with_its_pid(up):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = up(holder="", port=port)

    assert told(done).startswith(f"make: port {port} of 127.0.0.1 is used by ")
    assert f"(pid {os.getpid()})" in told(done)


def test_a_port_of_another_address_is_free(up):
    with socket.create_server(("127.0.0.2", 0)) as server:
        done = up(holder="", port=server.getsockname()[1])

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("compose", "buildx"),
    [
        ("2.24.0", "echo github.com/docker/buildx v0.10.4 c513d34"),
        ("v2.31.1-desktop.2", "exit 1"),
        ("5.0.1", "echo github.com/docker/buildx v0.17.1 257815a"),
    ],
)
def test_up_waits_for_all_and_says_where_the_dashboard_is(up, tmp_path, compose, buildx):
    done = up(compose=f"echo {compose}", buildx=buildx)

    assert done.returncode == 0, done.stderr
    assert calls(tmp_path).splitlines()[-2:] == [
        "compose up --detach --build --wait elasticsearch kibana",
        "compose run --rm --no-deps dashboards",
    ]
    assert "http://127.0.0.1:5601/app/dashboards#/view/slowtask-slow-tasks" in done.stdout
    assert "slowtask_reader" in done.stdout
    assert variables(tmp_path / ".env")["SLOWTASK_READER_PASSWORD"] not in done.stdout


def told(done):
    """The one line of stderr, beside the word on the kernel's setting that some machines get."""
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("make: vm.max_map_count is ")]
    return line


def calls(folder):
    """What docker was asked."""
    return (folder / "calls").read_text() if (folder / "calls").exists() else ""


# With Kafka


def test_with_kafka_lines_go_through_it(with_kafka):
    filebeat, logstash = with_kafka["filebeat"], with_kafka["logstash"]
    mounted = {
        each["target"]: Path(each["source"]).name for each in filebeat["volumes"] if each["type"] == "bind"
    }

    assert mounted["/usr/share/filebeat/kafka.yml"] == "kafka.yml"
    assert filebeat["command"][-4:] == ["-c", "filebeat.yml", "-c", "kafka.yml"]
    assert filebeat["depends_on"]["kafka"]["condition"] == "service_healthy"
    assert logstash["environment"]["SLOWTASK_INTAKE"] == "beats,kafka"
    assert logstash["environment"]["KAFKA_MEMBER"]
    hosts = {each["environment"]["KAFKA_HOSTS"] for each in (filebeat, logstash)}
    assert hosts == {"kafka:9092"}


def test_kafka_is_as_confined_as_the_others_and_open_to_no_one_else(with_kafka):
    kafka, other = with_kafka["kafka"], with_kafka["filebeat"]

    assert "ports" not in kafka
    for name in ("restart", "init", "cap_drop", "security_opt", "logging", "networks"):
        assert kafka[name] == other[name]
    assert int(kafka["mem_limit"]) == 640 * 2**20


def test_without_the_second_file_there_is_no_kafka(loaded):
    assert "kafka" not in loaded
    assert "SLOWTASK_INTAKE" not in loaded["logstash"]["environment"]


# The rollup


def test_the_rollup_is_called_every_hour_as_its_own_user(loaded):
    rollup = loaded["rollup"]
    named = {each["source"] for each in rollup["secrets"]}

    assert rollup["command"][:3] == ["slowtask", "rollup", "http://elasticsearch:9200"]
    assert rollup["command"][rollup["command"].index("--every") + 1] == "1h"
    assert rollup["environment"]["SLOWTASK_ELASTICSEARCH_USERNAME"] == "slowtask_rollup"
    assert named == {"rollup_password"} < {each["source"] for each in loaded["setup"]["secrets"]}


@pytest.mark.parametrize(("age", "healthy"), [(60, True), (124, True), (126, False), (None, False)])
def test_the_rollup_is_unhealthy_once_its_last_two_rounds_failed(loaded, tmp_path, age, healthy):
    [_, check] = loaded["rollup"]["healthcheck"]["test"]
    touched = loaded["rollup"]["command"][-1]
    assert f"find {touched} " in check
    file = tmp_path / "rolled-up"
    if age is not None:
        file.touch()
        os.utime(file, (time.time() - 60 * age,) * 2)
    done = subprocess.run(
        ["sh", "-c", check.replace("$$", "$").replace(touched, str(file))], capture_output=True, check=False
    )

    assert (done.returncode == 0) == healthy
