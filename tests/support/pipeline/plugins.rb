# The filter plugins that the configuration uses, to the degree that it uses them; each does as Logstash's does.
require "bigdecimal"
require "json"

# What all filters share: the options that apply where one matched.
class Filter
  def initialize(settings)
    @settings = settings
  end

  # The events that go on: the one that came, and what a filter adds.
  def filter(event)
    [event]
  end

  private

  def matched(event)
    (@settings["add_field"] || {}).each { |name, value| event.set(event.sprintf(name), event.sprintf(value)) }
    Array(@settings["remove_field"]).each { |name| event.remove(event.sprintf(name)) }
    Array(@settings["add_tag"]).each { |name| event.tag(event.sprintf(name)) }
    [event]
  end
end

# `code`: each filter is an object of its own, whose variables its code shares. `path`: see script.rb.
class RubyFilter < Filter
  def initialize(settings)
    super
    if settings["path"]
      @script = Script.new(settings["path"], settings["script_params"] || {})
      @script.register
    else
      eval(settings["init"], binding, "ruby filter init") if settings["init"]
      eval("@codeblock = lambda { |event, &new_event_block| #{settings["code"]} }", binding, "ruby filter code")
    end
  end

  def filter(event)
    @script ? by_script(event) : by_code(event)
  end

  private

  def by_code(event)
    extra = []
    @codeblock.call(event) { |added| extra << added }
    [*matched(event), *extra]
  rescue StandardError, java.lang.Exception => error
    failed(event, error)
  end

  # Only what the script returns goes on.
  def by_script(event)
    results = Script.checked(@script.execute(event))
    event.cancel unless results.any? { |each| each.equal?(event) }
    [event, *results.reject { |each| each.equal?(event) }]
  rescue StandardError, java.lang.Exception => error
    failed(event, error)
  end

  # As Logstash's does: the event goes on, tagged.
  def failed(event, error)
    event.tag("_rubyexception")
    warn("ruby filter #{@settings["id"]}: #{error.class}: #{error.message} #{error.backtrace&.first}")
    [event]
  end
end

class GrokFilter < Filter
  def initialize(settings)
    super
    @patterns = GrokFilter.patterns(settings["patterns_dir"])
    @match = settings["match"].to_h { |field, all| [field, Array(all).map { |each| compiled(each) }] }
  end

  # The patterns of each file in *folders*, beside those that every Logstash has.
  def self.patterns(folders)
    files = folders.flat_map { |folder| Dir.glob("#{folder}/*").select { |path| File.file?(path) } }
    raise "no patterns in #{folders}" if files.empty?
    lines = files.flat_map { |path| File.readlines(path, chomp: true, encoding: "UTF-8") }
    $patterns.merge(lines.grep(/\A\w/).to_h { |line| line.split(" ", 2) })
  end

  def filter(event)
    @match.each do |field, patterns|
      text = event.get(field)
      patterns.each do |expression, fields|
        next unless (found = expression.match(text))
        fields.each { |group, name| keep(event, name, found[group]) }
        return matched(event)
      end
    end
    (@settings["tag_on_failure"] || ["_grokparsefailure"]).each { |name| event.tag(name) }
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
      inner = expanded(@patterns.fetch(name), fields)
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

class DropFilter < Filter
  def filter(event)
    event.cancel
    [event]
  end
end

# rename, update, replace and copy, in this order whatever the order in the configuration.
class MutateFilter < Filter
  KNOWN = ["id", "rename", "update", "replace", "copy", "add_field", "remove_field", "add_tag"].freeze

  def initialize(settings)
    super
    unknown = settings.keys - KNOWN
    raise "mutate: #{unknown} isn't done here" unless unknown.empty?
    @rename, @update, @replace, @copy = KNOWN[1..4].map { |name| (settings[name] || {}).to_a }
  end

  def filter(event)
    @rename.each { |old, new| event.set(new, event.remove(old)) if event.include?(old) }
    @update.each { |name, value| event.set(name, event.sprintf(value)) if event.include?(name) }
    @replace.each { |name, value| event.set(name, event.sprintf(value)) }
    @copy.each { |old, new| event.set(new, event.get(old)) if event.include?(old) }
    matched(event)
  end
end

# Each member of the object becomes a field, @timestamp the event's own time.
class JsonFilter < Filter
  def filter(event)
    source = event.get(@settings["source"])
    return [event] unless source
    parsed = JsonFilter.parse(source)
    @settings["target"] ? event.set(@settings["target"], parsed) : spread(event, parsed)
    matched(event)
  rescue StandardError
    event.tag("_jsonparsefailure")
    [event]
  end

  # Logstash's parser takes several values one after the other; the last is what counts.
  def self.parse(text)
    JSON.parse(text, max_nesting: 1000)
  rescue JSON::ParserError
    glued = JSON.parse("[#{text.gsub(/\}\s*\{/, "},{")}]", max_nesting: 1000)
    glued.last
  end

  private

  def spread(event, parsed)
    raise "no object" unless parsed.is_a?(Hash)
    given = parsed.delete("@timestamp")
    time = begin
      LogStash::Timestamp.coerce(given)
    rescue LogStash::TimestampParserError
      nil
    end
    parsed.each { |name, value| event.set(name, value) }
    timed(event, given, time) if given
  end

  def timed(event, given, time)
    event.timestamp = time || LogStash::Timestamp.new
    return if time
    event.tag("_timestampparsefailure")
    event.set("_@timestamp", given.to_s)
  end
end

# `match => [field, "ISO8601"]` alone.
class DateFilter < Filter
  def initialize(settings)
    super
    @field, *formats = settings["match"]
    raise "date: only ISO8601" unless formats == ["ISO8601"]
  end

  def filter(event)
    given = event.get(@field)
    return [event] if given.nil?
    event.timestamp = LogStash::Timestamp.new(given.to_s)
    matched(event)
  rescue LogStash::TimestampParserError
    event.tag("_dateparsefailure")
    [event]
  end
end

PLUGINS = {
  "ruby" => RubyFilter, "grok" => GrokFilter, "drop" => DropFilter, "mutate" => MutateFilter,
  "json" => JsonFilter, "date" => DateFilter
}.freeze
