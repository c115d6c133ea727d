# The part of Logstash's event API that filters use: fields by reference, @metadata apart, copies in and out.
require "java"
require "json"

module LogStash
  class TimestampParserError < StandardError; end

  # A moment; made of an ISO 8601 text or of now.
  class Timestamp
    attr_reader :text

    def initialize(text = nil)
      @instant = text ? Timestamp.parse(text) : java.time.Instant.now
      @text = text && text.end_with?("Z") ? text : @instant.to_s
    end

    # A text without a zone is local; the runner's JVM runs in UTC, as the image does.
    def self.parse(text)
      text = "#{text}Z" unless text.match?(/(?:[Zz]|[-+]\d\d:?\d\d)\z/)
      java.time.OffsetDateTime.parse(text.sub(/([-+]\d\d)(\d\d)\z/, '\1:\2')).toInstant
    rescue java.time.DateTimeException
      raise TimestampParserError, "#{text} is no time"
    end

    # nil for what can't be a time at all, as in Logstash.
    def self.coerce(value)
      case value
      when String then new(value)
      when Timestamp then value
      end
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
    PATHS = {}

    def initialize(content = {}, metadata = nil)
      content = LogStash.copied(content)
      metadata ||= content.delete("@metadata") || {}
      time = content["@timestamp"]
      @content = content
      @content["@version"] = "1" unless @content.key?("@version")
      @content["@timestamp"] = time.is_a?(Timestamp) ? time : Timestamp.new(time)
      @metadata = metadata
      @cancelled = false
    end

    def get(reference)
      outer, leaf = path(reference)
      return @content[leaf] if outer.empty?
      return @metadata if leaf.nil?
      inner = walk(outer, false)
      inner[leaf] if inner.is_a?(Hash)
    end

    def set(reference, value)
      outer, leaf = path(reference)
      walk(outer, true)[leaf] = LogStash.copied(value)
    end

    def remove(reference)
      outer, leaf = path(reference)
      inner = walk(outer, false)
      inner.delete(leaf) if inner.is_a?(Hash)
    end

    def include?(reference)
      outer, leaf = path(reference)
      inner = walk(outer, false)
      inner.is_a?(Hash) && inner.key?(leaf)
    end

    def timestamp=(value)
      @content["@timestamp"] = value
    end

    # %{[a][b]} in a text; a reference to nothing stays as it is.
    def sprintf(text)
      return text unless text.include?("%{")
      text.gsub(/%\{([^}]+)\}/) { (value = get($1)).nil? ? $& : value.is_a?(Hash) ? JSON.generate(value) : value.to_s }
    end

    # A copy, without @metadata.
    def to_hash
      LogStash.copied(@content)
    end

    def to_json(*)
      JSON.generate(LogStash.plain(@content))
    end

    # What the runner hands out.
    def whole
      LogStash.plain(@content).merge("@metadata" => LogStash.plain(@metadata))
    end

    def clone
      Event.new(@content, LogStash.copied(@metadata))
    end

    def cancel
      @cancelled = true
    end

    def cancelled?
      @cancelled
    end

    def tag(name)
      tags = @content["tags"]
      @content["tags"] = [*tags, name].uniq
    end

    private

    # The field that holds *outer*'s last, made where it is missing and *making*.
    def walk(outer, making)
      first, *rest = outer
      inner = first == "@metadata" ? @metadata : (rest = outer; @content)
      rest.each do |part|
        return nil unless inner.is_a?(Hash)
        found = inner[part]
        found = inner[part] = {} if making && !found.is_a?(Hash)
        inner = found
      end
      inner
    end

    # As Logstash reads a reference: [a][b], or a alone; anything else is an error. A dot is a letter.
    def path(reference)
      PATHS[reference] ||= begin
        parts = reference.start_with?("[") ? bracketed(reference) : [reference]
        parts == ["@metadata"] ? [parts, nil] : [parts[0...-1], parts[-1]]
      end
    end

    def bracketed(reference)
      raise "invalid field reference #{reference}" unless reference.match?(/\A(?:\[[^\[\],]+\])+\z/)
      reference.scan(/\[([^\[\]]+)\]/).flatten
    end
  end

  # Values go in and out by copy, and only of types that an event can hold.
  def self.copied(value)
    case value
    when String then value.dup
    when Hash then value.to_h { |key, each| [String(key), copied(each)] }
    when Array then value.map { |each| copied(each) }
    when Numeric, Timestamp, nil, true, false then value
    else raise "an event can't hold a #{value.class}"
    end
  end

  # *value* as JSON can show it.
  def self.plain(value)
    case value
    when Timestamp then value.to_s
    when Hash then value.transform_values { |each| plain(each) }
    when Array then value.map { |each| plain(each) }
    else value
    end
  end
end
