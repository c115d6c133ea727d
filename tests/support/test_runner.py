"""The runner of Logstash's pipelines does as Logstash, in what our configuration asks of it."""

import pytest

from elastic.server import java
from pipeline import logstash
from pipeline.runner import Pipelines, RunnerError

pytestmark = pytest.mark.usefixtures("jruby")

PIPELINES = """
- pipeline.id: intake
  path.config: /usr/share/logstash/pipeline/intake.conf
- pipeline.id: one
  path.config: /usr/share/logstash/pipeline/{one,output}.conf
- pipeline.id: two
  path.config: /usr/share/logstash/pipeline/{output,two}.conf
- pipeline.id: dead
  path.config: /usr/share/logstash/pipeline/{dead,output}.conf
"""
FILES = {
    "intake": """
      input { beats { port => 5044 } }
      output {
        if [message] =~ /^\\{/ { pipeline { send_to => ["one"] } } else { pipeline { send_to => two } }
      }
    """,
    "one": """
      input { pipeline { address => one } }
      filter {
        mutate { rename => { "message" => "[@metadata][line]" } add_field => { "[a][b]" => "${WORD:none}" } }
        json { source => "[@metadata][line]" }
        if "_jsonparsefailure" in [tags] or ![event.duration] { mutate { add_field => { "bad" => "yes" } } }
        else if [event.duration] > 5 and [kind] in ["x", "y"] { mutate { remove_field => ["kind"] } }
        else { ruby { code => 'event.set("slow", @count = (@count || 0) + 1)' } }
      }
    """,
    "two": """
      input { pipeline { address => two } }
      filter {
        if [message] == "drop" { drop {} }
        ruby { path => "${SLOWTASK_RUBY}/double.rb" script_params => { "n" => 2 } }
      }
    """,
    "dead": """
      input { dead_letter_queue { pipeline_id => "one" } }
      filter { mutate { replace => { "why" => "%{[@metadata][dead_letter_queue][reason]}" } } }
    """,
    "output": 'output { elasticsearch { index => "logs-%{kind}" document_id => "%{[@metadata][id]}" } }',
}  # fmt: skip
SCRIPT = """
require_relative "times"
def register(params)
  @n = params["n"].to_i
  @seen = 0
end
def filter(event)
  return [] if event.get("message") == "none"
  raise "no" if event.get("message") == "raise"
  event.set("seen", @seen += 1)
  event.set("file", File.basename(__FILE__))
  [event, *Times.of(@n - 1) { event.clone }]
end
test "doubles" do
  parameters { { "n" => 2 } }
  in_event { { "message" => "x" } }
  expect("two") { |events| events.size == 2 }
  expect("three") { |events| events.size == 3 }
end
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A configuration of four pipelines."""
    home = tmp_path_factory.mktemp("logstash")
    for name in ("config", "pipeline", "ruby"):
        (home / name).mkdir()
    (home / "config" / "pipelines.yml").write_text(PIPELINES)
    for name, text in FILES.items():
        (home / "pipeline" / f"{name}.conf").write_text(text)
    (home / "ruby" / "double.rb").write_text(SCRIPT)
    (home / "ruby" / "times.rb").write_text(
        "module Times\n  def self.of(n, &made) = n.times.map(&made)\nend\n"
    )
    return home


@pytest.fixture(scope="module")
def process(folder, jruby):
    """One JRuby for all tests here."""
    with Pipelines(java=java() / "bin" / "java", jar=logstash.JAR, folder=folder) as running:
        yield running


@pytest.fixture
def pipelines(process):
    return process.fresh()


def sent(event):
    return event["@metadata"]["sent"]["pipeline"]


def test_events_go_through_each_pipeline_to_the_output_in_their_order(pipelines):
    found = pipelines.events([{"message": each} for each in ("a", '{"event.duration":9}', "b", "drop")])

    assert [sent(each) for each in found] == ["two", "two", "one", "two", "two"]
    assert [each.get("message") for each in found] == ["a", "a", None, "b", "b"]


def test_a_batch_goes_on_where_the_one_before_ended_and_a_fresh_instance_begins(pipelines):
    first, again = pipelines.events([{"message": "a"}]), pipelines.events([{"message": "a"}])

    assert (first[0]["seen"], again[0]["seen"]) == (1, 2)
    assert pipelines.fresh().events([{"message": "a"}])[0]["seen"] == 1


def test_a_name_with_a_dot_is_one_field_at_the_top(pipelines):
    [found] = pipelines.events(
        [{"message": '{"event.duration":9,"kind":"x","@timestamp":"2026-11-23T01:02:03.000004Z"}'}]
    )

    assert (found["event.duration"], found.get("kind"), found.get("bad")) == (9, None, None)
    assert found["@timestamp"] == "2026-11-23T01:02:03.000004Z"


@pytest.mark.parametrize("line", ['{"a":', '{"a":1}x', "{'a':1}", '{"event.duration":null}', "{}"])
def test_a_line_that_is_no_json_is_tagged(line, pipelines):
    [found] = pipelines.events([{"message": line}])

    assert found["bad"] == "yes"
    assert found.get("tags", []) == (
        [] if line in ("{}", '{"event.duration":null}') else ["_jsonparsefailure"]
    )


def test_a_time_that_is_none_is_kept_beside_and_tagged(pipelines):
    [found] = pipelines.events([{"message": '{"@timestamp":"soon","event.duration":9,"kind":"x"}'}])

    assert (found["_@timestamp"], found["tags"]) == ("soon", ["_timestampparsefailure"])


def test_a_variable_is_of_the_environment_that_was_given(pipelines):
    given = [{"message": '{"event.duration":9,"kind":"x"}'}]

    assert pipelines.events(given)[0]["a"] == {"b": "none"}
    assert pipelines.fresh(WORD="w").events(given)[0]["a"] == {"b": "w"}


def test_the_stream_and_the_id_are_what_the_output_says(pipelines):
    [found] = pipelines.events([{"message": '{"event.duration":1,"kind":"k"}', "@metadata": {"id": "7"}}])

    assert found["@metadata"]["sent"] == {"pipeline": "one", "index": "logs-k", "id": "7"}


def test_what_a_script_raises_is_a_tag_and_what_it_does_not_return_is_gone(pipelines):
    found = pipelines.events([{"message": "none"}, {"message": "raise"}])

    assert [each["tags"] for each in found] == [["_rubyexception"]]


def test_what_elasticsearch_refused_goes_to_the_reader_of_dead_letters(pipelines):
    [letter] = pipelines.events([{"message": '{"event.duration":1,"kind":"k"}'}])

    [found] = pipelines.refused("one", [(letter, "too long")])

    assert (sent(found), found["why"]) == ("dead", "too long")


def test_the_test_blocks_of_a_script_are_run(process, folder):
    names = dict(process.tests(folder / "ruby" / "double.rb"))

    assert names["doubles: two"] is None
    assert names["doubles: three"].startswith("not so of ")


def test_a_configuration_that_can_not_be_run_is_an_error_with_its_reason(folder, jruby, tmp_path):
    broken = tmp_path / "logstash"
    broken.mkdir()
    for name in ("config", "ruby"):
        (broken / name).symlink_to(folder / name)
    (broken / "pipeline").mkdir()
    (broken / "pipeline" / "two.conf").write_text("filter { dissect { } }")

    with pytest.raises(RunnerError, match="dissect"):
        Pipelines(java=java() / "bin" / "java", jar=logstash.JAR, folder=broken).__enter__()
