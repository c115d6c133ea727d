# Runs the filters of a Logstash configuration without Logstash: JRuby, which Logstash is written in, with the
# few parts of its API that our filter uses. Plugins: ruby, grok, drop. Standard input: a JSON object with the
# configuration as lscl read it, the patterns and the events; standard output: the events that come out.
require "json"
require "java"

module LogStash
  # A moment; made of an ISO 8601 text or of now.
  class Timestamp
    attr_reader :text

    def initialize(text = nil)
      @text = text || java.time.Instant.now.to_s
      @instant = java.time.OffsetDateTime.parse(@text).toInstant
    end

    def to_i
      @instant.getEpochSecond
    end

    def to_s
      @text
    end
  end

  # An event: nested fields, reached by references such as [log][offset]; @metadata apart.
  class Event
    attr_reader :metadata

    def initialize(content = {}, metadata = {})
      @content = { "@timestamp" => Timestamp.new, "@version" => "1" }.merge(content)
      @content["@timestamp"] = Timestamp.new(@content["@timestamp"]) if @content["@timestamp"].is_a?(String)
      @metadata = metadata
      @cancelled = false
    end

    def get(reference)
      parts = path(reference)
      root = parts[0] == "@metadata" ? (parts.shift; @metadata) : @content
      parts.inject(root) { |inner, part| inner.is_a?(Hash) ? inner[part] : nil }
    end

    def set(reference, value)
      parts = path(reference)
      root = parts[0] == "@metadata" ? (parts.shift; @metadata) : @content
      *outer, leaf = parts
      inner = outer.inject(root) { |found, part| found[part].is_a?(Hash) ? found[part] : (found[part] = {}) }
      inner[leaf] = LogStash.copied(value)
    end

    def remove(reference)
      parts = path(reference)
      root = parts[0] == "@metadata" ? (parts.shift; @metadata) : @content
      *outer, leaf = parts
      inner = outer.inject(root) { |found, part| found.is_a?(Hash) ? found[part] : nil }
      inner.delete(leaf) if inner.is_a?(Hash)
    end

    def to_hash
      @content.dup
    end

    def clone
      Event.new(LogStash.copied(@content), LogStash.copied(@metadata))
    end

    def cancel
      @cancelled = true
    end

    def cancelled?
      @cancelled
    end

    def tag(_name)
      raise "a filter tagged an event"
    end

    private

    # As Logstash reads a reference: [a][b], or a alone; anything else is an error.
    def path(reference)
      return [reference] unless reference.start_with?("[")
      raise "invalid field reference #{reference}" unless reference.match?(/\A(?:\[[^\[\],]+\])+\z/)
      reference.scan(/\[([^\[\]]+)\]/).flatten
    end
  end

  # Values go in and out by copy, and only of types that an event can hold.
  def self.copied(value)
    case value
    when Hash then value.to_h { |key, each| [String(key), copied(each)] }
    when Array then value.map { |each| copied(each) }
    when String then value.dup
    when Numeric, Timestamp, nil, true, false then value
    else raise "an event can't hold a #{value.class}"
    end
  end
end

# A variable of the environment in a setting: ${NAME:default}.
def substituted(value)
  case value
  when String then value.gsub(/\$\{([a-zA-Z_.][a-zA-Z0-9_.]*)(?::([^}]*))?\}/) { ENV[$1] || $2 || raise("#{$1} isn't set") }
  when Array then value.map { |each| substituted(each) }
  when Hash then value.to_h { |key, each| [key, substituted(each)] }
  else value
  end
end

# Each ruby filter is an object of its own, whose variables its code shares.
class RubyFilter
  def initialize(settings)
    instance_eval(settings["init"] || "", settings["id"])
    instance_eval("def run(event, new_event_block)\n#{settings["code"]}\nend", settings["id"], 0)
  end

  def filter(event)
    extra = []
    run(event, extra.method(:push))
    [event, *extra]
  end
end

class GrokFilter
  def initialize(settings)
    raise "a failed match would be tagged" unless settings["tag_on_failure"] == []
    @match = settings["match"].to_h { |field, all| [field, Array(all).map { |each| compiled(each) }] }
  end

  def filter(event)
    @match.each do |field, patterns|
      text = event.get(field)
      patterns.each do |expression, fields|
        next unless (found = expression.match(text))
        fields.each { |group, name| keep(event, name, found[group]) }
        return [event]
      end
    end
    [event]
  end

  private

  # Grok's own way: named groups, and no empty captures.
  def compiled(pattern)
    fields = {}
    [Regexp.new(expanded(pattern, fields)), fields]
  end

  def expanded(pattern, fields)
    pattern.gsub(/%\{(\w+)(?::([^}]+))?\}/) do
      name, field = $1, $2
      group = "g#{fields.size}"
      fields[group] = field if field
      inner = expanded($patterns.fetch(name), fields)
      field ? "(?<#{group}>#{inner})" : "(?:#{inner})"
    end
  end

  # A second value makes a list, as in Logstash.
  def keep(event, name, value)
    return if value.nil? || value.empty?
    before = event.get(name)
    event.set(name, before.nil? ? value : [*before, value])
  end
end

class DropFilter
  def initialize(_settings); end

  def filter(event)
    event.cancel
    [event]
  end
end

PLUGINS = { "ruby" => RubyFilter, "grok" => GrokFilter, "drop" => DropFilter }

# A step takes an event and gives the events that go on.
def step(node)
  if node["plugin"]
    plugin = PLUGINS.fetch(node["plugin"]).new(substituted(node["settings"]))
    return ->(event) { plugin.filter(event) }
  end
  branches = node["branches"].map { |condition, steps| [condition, steps.map { |each| step(each) }] }
  lambda do |event|
    _, steps = branches.find { |condition, _| condition.nil? || holds(condition, event) }
    run(steps || [], event)
  end
end

def holds(condition, event)
  case condition["op"]
  when "field" then value = event.get(condition["field"]); !value.nil? && value != false
  when "==" then event.get(condition["field"]) == condition["value"]
  else raise "condition #{condition}"
  end
end

def run(steps, event)
  steps.inject([event]) do |events, each|
    events.flat_map { |one| one.cancelled? ? [one] : each.call(one) }
  end
end

def plain(value)
  case value
  when LogStash::Timestamp then value.to_s
  when Hash then value.transform_values { |each| plain(each) }
  when Array then value.map { |each| plain(each) }
  else value
  end
end

asked = JSON.parse($stdin.set_encoding("UTF-8").read)
$patterns = asked["patterns"]
asked["environment"].each { |name, value| ENV[name] = value }
steps = asked["steps"].map { |each| step(each) }
$stdout.set_encoding("UTF-8")
asked["events"].each do |content|
  run(steps, LogStash::Event.new(content)).reject(&:cancelled?).each { |event| puts JSON.generate(plain(event.to_hash)) }
end
