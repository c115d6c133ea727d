# Runs the pipelines of a Logstash configuration without Logstash: JRuby, which Logstash is written in, with the
# few parts of its API and the few plugins that ours uses. A request is a line of JSON on standard input, its
# answer one on standard output: {"do": "load"} makes all plugins anew, {"do": "events"} sends events through
# them, {"do": "refused"} says what Elasticsearch refused, {"do": "tests"} runs the `test` blocks of a script.
require_relative "event"
require_relative "script"
require_relative "plugins"

# A variable of the environment in a setting: ${NAME:default}.
def substituted(value, environment)
  case value
  when String
    value.gsub(/\$\{([a-zA-Z_.][a-zA-Z0-9_.]*)(?::([^}]*))?\}/) { environment[$1] || $2 || raise("#{$1} isn't set") }
  when Array then value.map { |each| substituted(each, environment) }
  when Hash then value.to_h { |key, each| [key, substituted(each, environment)] }
  else value
  end
end

# One pipeline: its filters, and the outputs that an event reaches.
class Pipeline
  attr_reader :inputs, :id

  def initialize(id, sections, environment)
    @id, @environment = id, environment
    @inputs = sections["input"]
    @filters = sections["filter"].map { |node| step(node) { |name, settings| filter(name, settings) } }
    @outputs = sections["output"].map { |node| step(node) { |name, settings| output(name, settings) } }
  end

  # The events that leave the filters, in order.
  def filtered(event)
    Pipeline.through(@filters, event).reject(&:cancelled?)
  end

  # Each output that takes *event*: its plugin's name and its settings.
  def reached(event)
    @outputs.flat_map { |each| each.call(event) }.grep(Array)
  end

  def self.through(steps, event)
    steps.inject([event]) do |events, each|
      events.flat_map { |one| one.cancelled? ? [one] : each.call(one) }
    end
  end

  private

  def filter(name, settings)
    plugin = PLUGINS.fetch(name).new(substituted(settings, @environment))
    ->(event) { plugin.filter(event) }
  end

  def output(name, settings)
    settings = substituted(settings, @environment)
    ->(_event) { [[name, settings]] }
  end

  # A plugin, or the branches of a condition, as a function of an event.
  def step(node, &make)
    return make.call(node["plugin"], node["settings"]) if node["plugin"]
    branches = node["branches"].map { |given, inner| [given && condition(given), inner.map { |each| step(each, &make) }] }
    lambda do |event|
      _, inner = branches.find { |holds, _| holds.nil? || holds.call(event) }
      inner.nil? ? [event] : node["output"] ? inner.flat_map { |each| each.call(event) } : Pipeline.through(inner, event)
    end
  end

  def condition(node)
    case node["op"]
    when "truthy" then value = rvalue(node["of"]); ->(event) { truthy?(value.call(event)) }
    when "not" then inner = condition(node["of"]); ->(event) { !inner.call(event) }
    when "and" then all = node["of"].map { |each| condition(each) }; ->(event) { all.all? { |each| each.call(event) } }
    when "or" then any = node["of"].map { |each| condition(each) }; ->(event) { any.any? { |each| each.call(event) } }
    else comparison(node["op"], rvalue(node["first"]), rvalue(node["second"]))
    end
  end

  def comparison(op, first, second)
    case op
    when "==" then ->(event) { first.call(event) == second.call(event) }
    when "!=" then ->(event) { first.call(event) != second.call(event) }
    when "in" then ->(event) { inside?(first.call(event), second.call(event)) }
    when "=~" then regexp = Regexp.new(second.call(nil)); ->(event) { (text = first.call(event)).is_a?(String) && regexp.match?(text) }
    when "<", ">", "<=", ">=" then ->(event) { first.call(event).public_send(op, second.call(event)) }
    else raise "condition #{op}"
    end
  end

  def rvalue(node)
    return ->(_event) { node["value"] } if node.key?("value")
    reference = node["field"]
    ->(event) { event.get(reference) }
  end

  def truthy?(value)
    !value.nil? && !["", "false"].include?(value.to_s)
  end

  def inside?(needle, haystack)
    return false if needle.nil? || haystack.nil?
    haystack.respond_to?(:include?) && haystack.include?(needle)
  end
end

# All pipelines of one Logstash.
class Instance
  def initialize(asked)
    $patterns = asked["patterns"]
    @pipelines = asked["pipelines"].map { |each| Pipeline.new(each["id"], each["sections"], asked["environment"]) }
    @addresses = @pipelines.flat_map { |each| inputs(each, "pipeline").map { |input| [input["address"], each] } }.to_h
    @entry = @pipelines.find { |each| inputs(each, "beats").any? } || @pipelines.first
  end

  def events(contents)
    contents.flat_map { |content| flow(@entry, LogStash::Event.new(content)) }
  end

  # What Elasticsearch refused of a pipeline's events, by way of the pipeline that reads its dead letters.
  def refused(id, letters)
    reader = @pipelines.find { |each| inputs(each, "dead_letter_queue").any? { |input| File.basename(input["pipeline_id"]) == id } }
    letters.flat_map do |letter|
      event = LogStash::Event.new(letter["event"])
      event.set("[@metadata][dead_letter_queue]", { "reason" => letter["reason"], "plugin_type" => "elasticsearch" })
      flow(reader, event)
    end
  end

  # The seconds of CPU in which *contents* go through a pipeline *times* times, each time further down in their logs;
  # making the events isn't counted.
  def timed(id, contents, times)
    pipeline = @pipelines.find { |each| each.id == id }
    clock = java.lang.management.ManagementFactory.getThreadMXBean
    spent = 0
    times.times do
      @step = @step.to_i + 1
      events = contents.map { |content| LogStash::Event.new(further(content, @step)) }
      start = clock.getCurrentThreadCpuTime
      events.each { |event| flow(pipeline, event) { nil } }
      spent += clock.getCurrentThreadCpuTime - start
    end
    spent / 1e9
  end

  private

  # *content* as that of a line that stands far behind it: lines that come again, the filter drops.
  def further(content, step)
    log = content["log"]
    content.merge("log" => log.merge("offset" => log["offset"] + (step * 1_000_000_000)))
  end

  def inputs(pipeline, name)
    pipeline.inputs.select { |each| each["plugin"] == name }.map { |each| each["settings"] }
  end

  # Through *pipeline* and those that it sends to; what reaches an output of Elasticsearch.
  def flow(pipeline, event, &sink)
    pipeline.filtered(event).flat_map do |one|
      pipeline.reached(one).flat_map do |name, settings|
        case name
        when "pipeline" then Array(settings["send_to"]).flat_map { |address| flow(@addresses.fetch(address), one.clone, &sink) }
        when "elasticsearch" then [sink ? sink.call : stored(pipeline, settings, one)]
        else raise "output #{name}"
        end
      end
    end
  end

  # The event as the output sends it, with the pipeline, the stream and the id.
  def stored(pipeline, settings, event)
    sent = { "pipeline" => pipeline.id, "index" => event.sprintf(settings["index"]), "id" => event.sprintf(settings["document_id"]) }
    event.set("[@metadata][sent]", sent)
    event.whole
  end
end

def answer(asked)
  case asked["do"]
  when "load" then $instance = Instance.new(asked); {}
  when "events" then { "events" => $instance.events(asked["events"]) }
  when "refused" then { "events" => $instance.refused(asked["pipeline"], asked["letters"]) }
  when "timed" then { "seconds" => $instance.timed(asked["pipeline"], asked["events"], asked["times"]) }
  when "tests" then { "results" => Script.new(asked["path"], {}).tested }
  else raise "asked to #{asked["do"]}"
  end
end

def said(text)
  answer(JSON.parse(text, max_nesting: false))
rescue StandardError, ScriptError, java.lang.Exception => error
  { "error" => "#{error.class}: #{error.message}", "at" => Array(error.backtrace).first(8) }
end

if $PROGRAM_NAME == __FILE__
  $stdin.set_encoding("UTF-8")
  $stdout.set_encoding("UTF-8")
  $stdin.each_line do |text|
    puts JSON.generate(said(text), max_nesting: 0)
    $stdout.flush
  end
end
