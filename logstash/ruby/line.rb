# LINE: the first of the two filters. What slowtask/line.rb finds out of a line goes to [@metadata][slowtask],
# where the patterns and event.rb find it.
#
# Logstash evaluates this file in an object of each plugin's own: a method here, or an @variable, is that
# object's. What is required is shared by all.
require_relative "slowtask/line"

def register(_params); end

def filter(event)
  event.set("[@metadata][slowtask]", Slowtask::Line.read(event))
  ["task", "worker", "queue", "error"].each { |field| event.remove(field) } # a pattern would add to them
  [event]
end

test "a line that Filebeat read" do
  in_event do
    { "message" => "18:47:58 default: jobs.a() (1)\nmore\r\n", "agent" => { "id" => "a1" }, "task" => { "name" => "x" },
      "log" => { "offset" => 7, "file" => { "path" => "/x.log", "inode" => "2", "device_id" => "1" } } }
  end

  expect("its format") { |events| events[0].get("[@metadata][slowtask][kind]") == "rq" }
  expect("its head") { |events| events[0].get("[@metadata][slowtask][line]") == "18:47:58 default: jobs.a() (1)" }
  expect("the lines joined to it") { |events| events[0].get("[@metadata][slowtask][more]") == ["more"] }
  expect("where it stands") { |events| events[0].get("[@metadata][slowtask][stands]") == "a1:1:2:7" }
  expect("no field of the input's own") { |events| events[0].get("task").nil? }
end

test "a line of JSON in event.original behind NUL bytes" do
  in_event { { "event" => { "original" => "\0\0{\"a\":1}" } } }

  expect("its format") { |events| events[0].get("[@metadata][slowtask][kind]") == "json" }
  expect("what a crash left") { |events| events[0].get("[@metadata][slowtask][nul]") == "\0\0" }
  expect("it stands nowhere") { |events| events[0].get("[@metadata][slowtask][stands]").nil? }
end
