# READER: lines in, items out; the twin of parse/reader.py, file by file. The reader finds who reads a line. Its first
# characters tell most formats at once (lines.rb). All others are peeled: what carried the line comes off, then its
# head, and the sentence within is read (carried.rb). JSON of other programs is one more thing that carries lines
# (jsonlog.rb).
require_relative "celery"
require_relative "jobs"
require_relative "jsonlog"
require_relative "rq"
require_relative "text"

module Slowtask
  # Reads the lines of one log.
  class Reader < JsonLogReader
    # Every format that slowtask reads.
    FORMATS = [JsonFormat, TextFormat, CeleryFormat, RqFormat].freeze

    def initialize(settings)
      context = Context.new(settings)
      super(context, FORMATS.map { |each| each.new(context) })
      @count = 0 # bytes read, for logs whose lines don't say where they stand
    end

    # The items of *lines*, which were sent together and stand at *place*. No later line adds to what they tell, but
    # to a failure that waits.
    def read(place, lines)
      @context.place = place.merge("start" => place["offset"] || @count)
      at = 0
      lines.each do |line|
        read_safely(line, at)
        at += line.bytesize + 1
      end
      @count += at
      refuse_torn
      @streams.close
      @context.out.slice!(0..)
    end

    private

    # A mistake of the filter must not lose a line.
    def read_safely(line, at)
      read_line(line, at)
    rescue StandardError, java.lang.Exception => e
      @context.raw = line
      @report.set_aside("filter-error", at, detail: "#{e.class}: #{e.message}")
    end
  end
end
