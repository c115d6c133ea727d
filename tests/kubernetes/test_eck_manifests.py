"""The manifests for ECK: what kustomize and helm make of them, Kubernetes' types and ECK's schemas take."""

import re
from base64 import b64decode

import pytest
import yaml
from conftest import missing

import kubernetes
from kubernetes import ECK_ROOT, faults, render
from pipeline import kinds, logstash
from places import ROOT

LOGSTASH = ROOT / "logstash"
OVERLAYS = ["small", "three-nodes"]

pytestmark = pytest.mark.slow  # it builds kustomize and helm


@pytest.fixture(scope="module", autouse=True)
def program():
    """What renders and checks the manifests."""
    try:
        kubernetes.build()
        kubernetes.eck()
    except kubernetes.KubernetesError as problem:
        missing(f"kustomize and ECK's definitions ({problem})")


@pytest.fixture(scope="module")
def rendered():
    """The resources of each overlay."""
    return {name: render(ECK_ROOT / name) for name in OVERLAYS}


def find(resources, kind, name="slowtask"):
    """The one resource of a kind."""
    [found] = [each for each in resources if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def shipped(folder, pattern="*"):
    """The bytes of the repository's files in a folder, by name."""
    return {path.name: path.read_bytes() for path in (ROOT / folder).glob(pattern) if path.is_file()}


def data(resource):
    """The bytes of a ConfigMap's or a Secret's files."""
    if resource["kind"] == "Secret":
        return {name: b64decode(text) for name, text in resource["data"].items()}
    return {name: text.encode() for name, text in resource["data"].items()}


# What Kubernetes and ECK take


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_eck_s_own_schemas_take_its_resources(rendered, overlay):
    own = [each for each in rendered[overlay] if "k8s.elastic.co" in each["apiVersion"]]

    assert {each["kind"] for each in own} == {"Elasticsearch", "Kibana", "Logstash", "Beat"}
    assert [fault for each in own for fault in faults(each)] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_types_have_each_field_also_of_pod_templates(rendered, overlay):
    kubernetes.check(rendered[overlay])


def test_a_misspelt_field_would_be_found(rendered):
    wrong = find(rendered["small"], "Logstash")
    wrong = wrong | {"spec": wrong["spec"] | {"contu": 1}}
    [container] = wrong["spec"]["podTemplate"]["spec"]["containers"]
    pod = {"spec": {"containers": [container | {"volumeMount": []}]}}

    assert faults(wrong) == [
        "spec: Additional properties are not allowed ('contu' was unexpected)",
    ]
    with pytest.raises(kubernetes.KubernetesError, match="volumeMount"):
        kubernetes.check([wrong | {"spec": {"podTemplate": pod}}])


def test_a_file_that_is_missing_is_an_error(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("resources: [nothing.yaml]\n")

    with pytest.raises(kubernetes.KubernetesError, match=r"nothing\.yaml"):
        render(tmp_path)


def test_eck_stack_s_chart_gives_the_same_resources_as_kustomize(rendered):
    charted = {each["kind"]: each for each in kubernetes.template()}

    assert charted.keys() == {"Elasticsearch", "Kibana", "Logstash", "Beat", "Job", "CronJob"}
    for kind, each in charted.items():
        own = find(rendered["small"], kind, each["metadata"]["name"])["spec"]
        spec = {name: value for name, value in each["spec"].items() if value != []}

        assert spec == own


def test_the_values_are_as_make_eck_values_writes_them(rendered):
    assert yaml.safe_load(kubernetes.VALUES.read_text()) == kubernetes.values(rendered["small"])


# The files that go along


@pytest.mark.parametrize(
    ("kind", "name", "folder", "pattern"),
    [
        ("ConfigMap", "slowtask-logstash-patterns", "logstash/patterns", "*"),
        ("ConfigMap", "slowtask-logstash-ruby", "logstash/ruby", "*"),
        ("ConfigMap", "slowtask-logstash-ruby-slowtask", "logstash/ruby/slowtask", "*"),
        ("ConfigMap", "slowtask-filebeat", "filebeat", "filebeat.yml"),
        ("Secret", "slowtask-logstash-pipelines", "logstash/config", "pipelines.yml"),
    ],
)
def test_each_file_is_the_repository_s_byte_for_byte(rendered, kind, name, folder, pattern):
    assert data(find(rendered["small"], kind, name)) == shipped(folder, pattern)


def test_so_are_the_pipelines_but_for_the_output(rendered):
    told = data(find(rendered["small"], "ConfigMap", "slowtask-logstash-pipeline"))

    assert told.pop("output.conf") == (ECK_ROOT / "files" / "output.conf").read_bytes()
    assert told == {
        name: text for name, text in shipped("logstash/pipeline").items() if name != "output.conf"
    }


def test_the_output_differs_from_the_stack_s_in_address_user_and_authority_only():
    told = [
        [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
        for path in (LOGSTASH / "pipeline" / "output.conf", ECK_ROOT / "files" / "output.conf")
    ]
    own, eck = ([line for line in lines if line not in other] for lines, other in (told, told[::-1]))

    assert [line.split()[0] for line in own] == ["hosts", "user", "password"]
    assert [line.split()[0] for line in eck] == ["hosts", "user", "password", "ssl_certificate_authorities"]


def test_every_script_lies_where_the_first_one_looks_for_it(rendered):
    volumes = find(rendered["small"], "Logstash")["spec"]["podTemplate"]["spec"]["volumes"]
    [sources] = [each["projected"]["sources"] for each in volumes if each["name"] == "ruby"]
    placed = {each["key"]: each["path"] for each in sources[1]["configMap"]["items"]}

    assert placed == {name: f"slowtask/{name}" for name in shipped("logstash/ruby/slowtask")}


def test_a_config_map_is_smaller_than_etcd_allows(rendered):
    for each in rendered["small"]:
        if each["kind"] == "ConfigMap":
            assert sum(map(len, data(each).values())) < 900_000


def test_logstash_has_the_stack_s_settings_but_for_the_api_s_address(rendered):
    told = yaml.safe_load((LOGSTASH / "config" / "logstash.yml").read_text())
    del told["api.http.host"]

    assert find(rendered["small"], "Logstash")["spec"]["config"] == told


# What fits together


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_parts_have_the_stack_s_version(rendered, overlay):
    version = re.search(r"^ELASTIC_VERSION=(.+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)[1]
    versions = {
        each["spec"]["version"] for each in rendered[overlay] if "k8s.elastic.co" in each["apiVersion"]
    }

    assert versions == {version}


def mounted(pod):
    """The volumes that a pod's containers mount."""
    containers = [*pod["containers"], *pod.get("initContainers", ())]
    return {mount["name"] for each in containers for mount in each["volumeMounts"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_mounted_is_there_and_what_is_there_is_mounted(rendered, overlay):
    made = {(each["kind"], each["metadata"]["name"]) for each in rendered[overlay]}
    by_eck = {"slowtask-es-elastic-user", "slowtask-es-http-certs-public", "slowtask-kb-http-certs-public"}
    pods = [
        find(rendered[overlay], "Logstash")["spec"]["podTemplate"]["spec"],
        find(rendered[overlay], "Beat")["spec"]["daemonSet"]["podTemplate"]["spec"],
        find(rendered[overlay], "Job", "slowtask-dashboards")["spec"]["template"]["spec"],
        find(rendered[overlay], "CronJob", "slowtask-rollup")["spec"]["jobTemplate"]["spec"]["template"][
            "spec"
        ],
    ]
    for pod in pods:
        assert mounted(pod) == {each["name"] for each in pod["volumes"]}
        for each in (*pod["volumes"], *(source for volume in pod["volumes"] for source in sources(volume))):
            if "configMap" in each:
                assert ("ConfigMap", each["configMap"]["name"]) in made
            if "secret" in each:
                assert each["secret"]["secretName"] in by_eck


def sources(volume):
    """The parts of a projected volume."""
    return volume.get("projected", {}).get("sources", ())


def test_filebeat_s_and_logstash_s_ends_meet(rendered):
    [service] = find(rendered["small"], "Logstash")["spec"]["services"]
    [port] = service["service"]["spec"]["ports"]
    [container] = find(rendered["small"], "Beat")["spec"]["daemonSet"]["podTemplate"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}

    assert variables["LOGSTASH_HOSTS"] == f"slowtask-ls-{service['name']}:{port['port']}"
    assert f"port => {port['targetPort']}" in (LOGSTASH / "pipeline" / "beats.conf").read_text()
    filebeat = (ROOT / "filebeat" / "filebeat.yml").read_text()
    assert all(f"${{{name}:" in filebeat for name in variables)


def test_the_queues_fit_on_logstash_s_disk(rendered):
    [claim] = find(rendered["small"], "Logstash")["spec"]["volumeClaimTemplates"]
    told = yaml.safe_load((LOGSTASH / "config" / "pipelines.yml").read_text())
    sizes = [int(each[key][:-2]) for each in told for key in each if key.endswith("max_bytes")]

    assert claim["spec"]["resources"]["requests"]["storage"] == "4Gi"
    assert sum(sizes) < 4096 * 0.8


def test_no_password_is_in_the_files(rendered):
    text = "\n".join(path.read_text() for path in (ROOT / "kubernetes").rglob("*") if path.is_file())

    assert re.findall(r"(?i)password[\"']?\s*[:=]\s*[\"']?(?!\$)\w+", text) == []
    assert [each["metadata"]["name"] for each in rendered["small"] if each["kind"] == "Secret"] == [
        "slowtask-logstash-pipelines"
    ]


def test_three_nodes_lie_on_three_machines(rendered):
    [nodes] = find(rendered["three-nodes"], "Elasticsearch")["spec"]["nodeSets"]
    apart = nodes["podTemplate"]["spec"]["affinity"]["podAntiAffinity"]

    assert nodes["count"] == 3
    assert (
        apart["requiredDuringSchedulingIgnoredDuringExecution"][0]["topologyKey"] == "kubernetes.io/hostname"
    )


# What Logstash makes of the files as a container has them


def mount(folder, contents):
    """Write files as the kubelet does: each is a link into a folder with a time in its name."""
    real = folder / "..2026_11_26_20_00_00.1"
    for path, text in contents.items():
        (real / path).parent.mkdir(parents=True, exist_ok=True)
        (real / path).write_bytes(text)
    (folder / "..data").symlink_to(real.name)
    for name in {path.split("/")[0] for path in contents}:
        (folder / name).symlink_to(f"..data/{name}")


@pytest.fixture
def container(rendered, tmp_path):
    """The folder that is /usr/share/logstash in Logstash's container."""
    found = {
        each["metadata"]["name"].removeprefix("slowtask-logstash-"): data(each)
        for each in rendered["small"]
        if each["metadata"]["name"].startswith("slowtask-logstash-")
    }
    inner = {f"slowtask/{name}": text for name, text in found["ruby-slowtask"].items()}
    mount(tmp_path / "pipeline", found["pipeline"])
    mount(tmp_path / "patterns", found["patterns"])
    mount(tmp_path / "ruby", found["ruby"] | inner)
    mount(tmp_path / "config", found["pipelines"])
    return tmp_path


@pytest.mark.usefixtures("jruby")
def test_the_mounted_pipelines_make_the_documents_of_the_stack_s(container):
    lines = [each for kind in kinds.of_ours().values() for each in kind]
    lines += [each for kind in kinds.of_celery().values() for each in kind]
    events = [{"message": each, "log": {"offset": 0, "file": {"path": "/x"}}} for each in lines]
    variables = {
        f"SLOWTASK_ES_{name}": "" for name in ("HOSTS", "USER", "PASSWORD", "SSL_CERTIFICATE_AUTHORITY")
    }
    mounted = {"SLOWTASK_PATTERNS": str(container / "patterns"), "SLOWTASK_RUBY": str(container / "ruby")}
    own = told(logstash.pipelines().fresh().events(events))
    with logstash.start() as apart:
        eck = told(apart.fresh(folder=container, **variables, **mounted).events(events))

    assert len(own) > 20
    assert eck == own


def told(events):
    """What the pipelines gave, without the time of reading of lines that can't be read."""
    for each in events:
        if each.get("event", {}).get("dataset") == "slowtask.unparsed":
            del each["@timestamp"]
    return events
