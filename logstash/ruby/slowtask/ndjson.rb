# NDJSON: slowtask's own JSON lines, flat as workers write them or nested as Elasticsearch returns them.
require "json"
require_relative "format"

module Slowtask
  # The run, sample or alert that a line is, or why it is none.
  module Ndjson
    # The fields of each kind of line: name and type, in the order of a line; `!` marks what no line lacks.
    # tests/store/test_contract.py holds them to the records of slowtask.record.event and .sample.
    FIELDS = {
      "slowtask.run" => {
        "@timestamp" => "date!", "event.id" => "keyword!", "event.dataset" => "keyword!",
        "event.start" => "date", "event.duration" => "long", "event.margin" => "long",
        "event.outcome" => "outcome!", "event.action" => "action", "event.reason" => "keyword",
        "task.name" => "keyword!", "task.id" => "keyword", "task.attempt" => "short",
        "task.wait" => "long", "task.cpu" => "long", "task.memory" => "long",
        "queue.name" => "keyword", "queue.system" => "system", "worker.name" => "keyword",
        "host.name" => "keyword", "process.pid" => "long", "service.name" => "keyword",
        "service.version" => "keyword", "service.environment" => "keyword", "error.type" => "keyword",
        "error.message" => "text", "error.stack_trace" => "text", "labels" => "labels",
        "trace.id" => "keyword", "span.id" => "keyword"
      },
      "slowtask.queue" => {
        "@timestamp" => "date!", "event.id" => "keyword!", "event.dataset" => "keyword!",
        "queue.name" => "keyword", "queue.system" => "keyword", "queue.depth" => "long",
        "queue.running" => "long", "queue.scheduled" => "long", "queue.deferred" => "long",
        "queue.failed" => "long", "queue.workers" => "long", "queue.busy" => "long",
        "queue.arrivals" => "long", "queue.departures" => "long", "queue.interval" => "long",
        "queue.oldest" => "long", "queue.load" => "double", "verdict.state" => "keyword",
        "verdict.cause" => "keyword", "verdict.since" => "date", "broker.system" => "keyword",
        "broker.name" => "keyword", "broker.policy" => "keyword", "broker.memory.used" => "long",
        "broker.memory.max" => "long", "broker.capacity" => "double", "broker.limit" => "keyword",
        "broker.full_in" => "long"
      },
      "slowtask.alert" => {
        "@timestamp" => "date!", "event.id" => "keyword!", "event.dataset" => "keyword!",
        "alert.name" => "keyword!", "alert.state" => "state!", "alert.value" => "double",
        "alert.threshold" => "double", "queue.name" => "keyword", "task.name" => "keyword",
        "alert.cause" => "keyword", "alert.blame" => "keyword", "message" => "text"
      }
    }.freeze
    WORDS = {
      "outcome" => ["success", "failure", "unknown"],
      "action" => ["finished", "failed", "timed-out", "retried", "killed", "stopped", "abandoned"],
      "state" => ["ok", "warning", "critical"]
    }.freeze
    SYSTEM_LENGTHS = (1..64) # characters of a queue system's name
    SHORTS = (1..2**15 - 1)
    START = '{"@timestamp":'.freeze # how a line of ours begins, also behind a torn one
    DATASET_WORD = "slowtask.".freeze # in each event of slowtask's
    DEPTH = 4 # our longest name has three parts

    module_function

    # The item of a line of JSON, flat as we write it, nested, or a search hit's; "content" where another wrote it.
    def parse(text)
      content = JSON.parse(text)
      return { "bad" => "not-an-event" } unless content.is_a?(Hash)

      found = item(content)
      found = item(flat(content)) unless found["run"]
      found["bad"] == "not-an-event" ? found.merge("content" => content) : found
    rescue JSON::ParserError, ArgumentError
      { "bad" => "torn-json" }
    end

    # The item of a flat record.
    def item(record)
      dataset = record["event.dataset"]
      fields = dataset.is_a?(String) && FIELDS[dataset]
      return { "bad" => "not-an-event" } unless fields

      values = record.slice(*fields.keys).compact.to_h { |name, value| [name, typed(fields[name].delete("!"), value)] }
      wrong = fields.keys.find { |name| values.key?(name) ? values[name].nil? : fields[name].end_with?("!") }
      wrong ? { "bad" => "wrong-field", "detail" => wrong } : { "run" => values.slice(*fields.keys) }
    end

    # The value that a type makes of what JSON gave; nil where it is none of that type.
    def typed(type, value)
      case type
      when "date" then value.is_a?(String) && (micro = Times.zoned(value)) ? Times.iso(micro) : nil
      when "long" then whole(value, 0..MOST)
      when "short" then whole(value, SHORTS)
      when "double" then value if value.is_a?(Numeric) && value.between?(0, Float::MAX)
      when "labels" then labels(value)
      else words(type, value) if value.is_a?(String)
      end
    end

    def words(type, value)
      case type
      when "keyword", "text" then value
      when "system" then value if SYSTEM_LENGTHS.cover?(value.length)
      else value if WORDS.fetch(type).include?(value)
      end
    end

    def whole(value, range)
      value if value.is_a?(Integer) && range.cover?(value)
    end

    # With names that Elasticsearch takes.
    def labels(value)
      return unless value.is_a?(Hash) && value.values.all?(String)

      value.transform_keys { |key| key.empty? ? "_" : key.tr('.*"', "_") }
    end

    # *content* with dotted names; labels stay an object.
    def flat(content)
      content = source(content) || content
      record = {}
      flatten(content, "", DEPTH, record)
      labels = record.keys.grep(/\Alabels\./).to_h { |name| [name[7..], record.delete(name)] }
      labels.empty? ? record : record.merge("labels" => labels)
    end

    # What Elasticsearch stores of a search hit, with the id, which it doesn't repeat there.
    def source(content)
      found = content["_source"]
      return unless found.is_a?(Hash)

      content["_id"].is_a?(String) ? { "event.id" => content["_id"] }.merge(found) : found
    end

    def flatten(content, prefix, depth, found)
      content.each do |name, value|
        if value.is_a?(Hash) && depth.positive? && !FIELDS["slowtask.run"].key?(prefix + name)
          flatten(value, "#{prefix}#{name}.", depth - 1, found)
        else
          found[prefix + name] = value
        end
      end
    end

    # Cut *line* where lines of ours begin that were written behind a torn one; yields their places and the parts.
    def split(line)
      cuts = [0]
      while (at = line.index(START, cuts.last + 1))
        cuts << at
      end
      cuts.zip([*cuts.drop(1), line.length]) { |from, to| yield line[0, from].bytesize, line[from...to] }
    end
  end

  # JSON lines: runs, and what a monitor wrote.
  class JsonFormat < Format
    FIRST = "{".freeze
    PATTERNS = {}.freeze
    LONGEST = 1024 * 1024 # bytes

    def read(line, at)
      found = Ndjson.parse(line)
      bad = found["bad"]
      Unreadable.because(bad, detail: found["detail"], content: found["content"]) if bad

      @context.emit_record(found, at)
      nil
    end

    # A dict as Python shows it belongs to Celery's line before it.
    def recognizes?(line)
      !line.start_with?("{'")
    end

    def longest
      LONGEST
    end
  end
end
