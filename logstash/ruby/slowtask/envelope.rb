# ENVELOPE: what is known of a line besides its text: where it came from, and when it was carried on.
module Slowtask
  # What the wrappers of a line know.
  class Envelope
    HOST = "[host][name]".freeze
    PROGRAM = "[@metadata][program]".freeze
    CONTAINER = "[container][name]".freeze
    POD = "[kubernetes][pod][name]".freeze
    POD_CONTAINER = "[kubernetes][container][name]".freeze
    # What becomes a label of the run, and what tells the streams of one log apart.
    LABELS = { CONTAINER => "container", POD => "pod", POD_CONTAINER => "container", PROGRAM => "program" }.freeze
    STREAM = [HOST, CONTAINER, POD, POD_CONTAINER, PROGRAM].freeze
    FIELDS = { "host" => HOST, "container" => CONTAINER, "pod" => POD, "program" => PROGRAM }.freeze # of JSON logs
    EPOCH = /\A(\d{10})(\d{0,9})\z/ # seconds since 1970 until the year 2286, with decimals
    DOCKER_PART = 16 * 1024 # bytes at which Docker cuts a line

    attr_reader :fields # by their names in the patterns
    attr_accessor :time, # when it was carried on, as the outermost wrapper with a date shows it
                  :part, # the line goes on in the next of its stream and output
                  :output # stdout or stderr

    def initialize(time: nil, fields: {}, part: false, output: "")
      @time = time
      @fields = fields
      @part = part
      @output = output
    end

    # The machine that the line came from.
    def host
      @fields[HOST]
    end

    # What tells this stream of lines from the others of the log; nil for a log of one.
    def stream
      found = @fields.values_at(*STREAM).compact
      found.empty? ? nil : found.join(" ")
    end

    # The labels of a run that such a line tells of.
    def labels
      found = LABELS.select { |name, _| @fields.key?(name) }
      found.empty? ? nil : found.to_h { |name, label| [label, @fields[name]] }
    end

    # What the wrappers of a wrapped line say; of two times the one with a full date.
    def around(inner)
      dated = inner.time&.match?(/\A\d{4}/)
      Envelope.new(
        time: dated || @time.nil? ? inner.time : @time, fields: @fields.merge(inner.fields), part: inner.part,
        output: inner.output.empty? ? @output : inner.output
      )
    end

    # What a JSON line says of where its text came from.
    def self.of(record)
      fields = FIELDS.to_h { |kind, name| [name, record.text(kind)] }
      new(time: time_of(record.find("time")), fields: fields.reject { |_, value| value.to_s.empty? })
    end

    # A time of a JSON line as a text that Moments.parse reads.
    def self.time_of(value)
      value = value >= 10**10 ? value.to_i.to_s : format("%.6f", value) if value.is_a?(Numeric)
      return unless value.is_a?(String)

      value.sub(EPOCH) { "#{$1}.#{$2.empty? ? 0 : $2}" } # rubocop:disable Style/PerlBackrefs
    end

    # Whether *text* goes on in the next record: Docker cuts a line every 16 KiB.
    def self.part?(record, text)
      record.text("part") == "true" || (text.bytesize == DOCKER_PART && !text.end_with?("\n"))
    end
  end
end
