# EVENT: lines become runs, samples and alerts, by their datasets; what can't be read, an unparsed line with its reason.
# An event stands alone when it leaves: nothing of the input is kept. slowtask/events.rb does it.
#
# Logstash evaluates this file in an object of each plugin's own: @events, and with it what is known of each log, is
# that object's. What is required is shared by all, and keeps nothing.
require_relative "slowtask/events"

# *params*: patterns, timezone and date, the settings SLOWTASK_PATTERNS, SLOWTASK_TIMEZONE and SLOWTASK_DATE.
def register(params)
  @events = Slowtask::Events.new(params)
end

def filter(event)
  @events.of(event)
end

test "a text line" do
  parameters { { "timezone" => "Europe/Berlin" } }
  in_event do
    { "message" => "Time: 2021-01-13 10:03:59,202 Task: jobs.a Task-time: 1.5", "agent" => { "id" => "a1" },
      "log" => { "offset" => 0, "file" => { "path" => "/x.log", "inode" => "2", "device_id" => "1" } } }
  end

  expect("one event") { |events| events.size == 1 }
  expect("its time, of the zone") { |events| events[0].get("@timestamp").to_s.start_with?("2021-01-13T09:03:59.202") }
  expect("its task") { |events| events[0].get("[task][name]") == "jobs.a" }
  expect("its duration") { |events| events[0].get("[event][duration]") == 1_500_000_000 }
  expect("an id of 32 digits") { |events| events[0].get("[event][id]").match?(/\A\h{32}\z/) }
  expect("nothing of the input") { |events| events[0].get("log").nil? && events[0].get("message").nil? }
end

test "two lines of JSON in one" do
  parameters { {} }
  in_event do
    run = '{"@timestamp":"2026-11-23T18:47:58Z","event.id":"1","event.dataset":"slowtask.run",' \
          '"event.outcome":"success","task.name":"jobs.a"}'
    { "event" => { "original" => run[0, 30] + run } }
  end

  expect("the torn one") { |events| events[0].get("[event][reason]") == "torn-json" }
  expect("the run") { |events| events[1].get("[task][name]") == "jobs.a" && events[1].get("[event][id]") == "1" }
end

test "a failure in Compose's log, with its traceback" do
  parameters { {} }
  in_event do
    head = "worker-1  | [2026-11-23 18:48:36,393: ERROR/ForkPoolWorker-1] "
    { "message" => "#{head}Task tasks.a[c2] raised unexpected: ValueError('no')\n" \
                   "worker-1  | Traceback (most recent call last):\n" \
                   "worker-1  |   File \"x\"\n" \
                   "worker-1  | KeyError: 'x'" }
  end

  expect("one event") { |events| events.size == 1 }
  expect("the exception of the traceback") { |events| events[0].get("[error][type]") == "KeyError" }
  expect("its container") { |events| events[0].get("[labels][container]") == "worker-1" }
end

test "a line that the filter fails on" do
  parameters { {} }
  in_event { { "message" => "x", "log" => { "offset" => [1] } } }

  expect("it is kept, with the reason") { |events| events[0].get("[event][reason]") == "filter-error" }
  expect("the line too") { |events| events[0].get("[event][original]") == "x" }
end

test "a line that tells of no run" do
  parameters { {} }
  in_event { { "message" => "" } }

  expect("it is marked, to be dropped and counted") { |events| events[0].get("[@metadata][slowtask_chatter]") }
end
