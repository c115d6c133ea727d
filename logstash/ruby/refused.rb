# REFUSED: a document that Elasticsearch refused, from the dead-letter queue, becomes an unparsed line: the document
# as JSON, and why it was refused. It keeps the id, so a line that is sent again is one document here, too.
require_relative "slowtask/document"

def register(_params); end

def filter(event)
  why = event.get("[@metadata][dead_letter_queue][reason]").to_s
  why = why[/response: (.*)/m, 1] || why # before it stands the whole document once more
  id = event.get("[@metadata][slowtask_id]").to_s
  record = { "run" => nil, "bad" => "refused", "detail" => why[0, 1000], "text" => event.to_json, "at" => 0 }
  event.set("@timestamp", LogStash::Timestamp.new)
  Slowtask::Document.fill(event, record, {})
  Slowtask::Document.identify(event, id, record, {})
  [event]
end

test "a run that Elasticsearch refused" do
  in_event do
    reason = 'Could not index event to Elasticsearch. status: 400, action: ["create", {…}], response: {"error"=>"no"}'
    { "event.dataset" => "slowtask.run", "task.name" => "jobs.a",
      "@metadata" => { "slowtask_id" => "7", "dead_letter_queue" => { "reason" => reason } } }
  end

  expect("its reason") { |events| events[0].get("[event][reason]") == "refused" }
  expect("what Elasticsearch said") { |events| events[0].get("[error][message]") == '{"error"=>"no"}' }
  expect("the document") { |events| events[0].get("[event][original]").include?('"task.name":"jobs.a"') }
  expect("its id") { |events| events[0].get("[@metadata][slowtask_id]") == "7" }
  expect("no field of the run's") { |events| events[0].get("task.name").nil? && events[0].get("event.dataset").nil? }
end
