# EVENT: the second of the two filters. What the patterns matched becomes runs, samples and alerts, by their
# datasets; what can't be read, an unparsed line with its reason. An event stands alone when it leaves: nothing
# of the input is kept. slowtask/reader.rb does it.
#
# Logstash evaluates this file in an object of each plugin's own: @reader, and with it what is known of each
# log, is that object's. What is required is shared by all, and keeps nothing.
require_relative "slowtask/reader"

# *params*: timezone and date, the settings SLOWTASK_TIMEZONE and SLOWTASK_DATE.
def register(params)
  @reader = Slowtask::Reader.new(params)
end

def filter(event)
  @reader.events(event)
end

test "a text line that a pattern matched" do
  parameters { { "timezone" => "Europe/Berlin" } }
  in_event do
    { "task" => { "name" => "jobs.a" }, "log" => { "offset" => 0 },
      "@metadata" => { "time" => "2021-01-13 10:03:59,202", "seconds" => "1.5", "is" => { "text" => "Time: …" },
                       "slowtask" => { "kind" => "text", "line" => "Time: …", "more" => [], "stands" => "a:1:2:0" } } }
  end

  expect("one event") { |events| events.size == 1 }
  expect("its time, of the zone") { |events| events[0].get("@timestamp").to_s.start_with?("2021-01-13T09:03:59.202") }
  expect("its duration") { |events| events[0].get("[event][duration]") == 1_500_000_000 }
  expect("an id of 32 digits") { |events| events[0].get("[event][id]").match?(/\A\h{32}\z/) }
  expect("nothing of the input") { |events| events[0].get("log").nil? && events[0].get("[@metadata][slowtask]").nil? }
end

test "two lines of JSON in one" do
  parameters { {} }
  in_event do
    run = '{"@timestamp":"2026-11-23T18:47:58Z","event.id":"1","event.dataset":"slowtask.run",' \
          '"event.outcome":"success","task.name":"jobs.a"}'
    { "@metadata" => { "slowtask" => { "kind" => "json", "line" => run[0, 30] + run, "more" => [] } } }
  end

  expect("the torn one") { |events| events[0].get("[event][reason]") == "torn-json" }
  expect("the run") { |events| events[1].get("[task][name]") == "jobs.a" && events[1].get("[event][id]") == "1" }
end

test "a line that the first filter failed on" do
  parameters { {} }
  in_event { { "message" => "x" } }

  expect("it is kept, with the reason") { |events| events[0].get("[event][reason]") == "filter-error" }
  expect("the line too") { |events| events[0].get("[event][original]") == "x" }
end

test "a line that tells of no run" do
  parameters { {} }
  in_event { { "@metadata" => { "slowtask" => { "kind" => "other", "line" => "", "more" => [] } } } }

  expect("it is marked, to be dropped and counted") { |events| events[0].get("[@metadata][slowtask_chatter]") }
end
