# REPORT: lines that can't be read.
require_relative "ndjson"

module Slowtask
  # Reports what can't be used of one log.
  class Report
    CONTROL = /[\x00-\x08\x0e-\x1a\x1c-\x1f]/
    WHOLE = ["not-an-event", "wrong-field"].freeze # reasons for which a line isn't torn

    def initialize(context)
      @context = context
    end

    # Report the line that is read.
    def set_aside(reason, at, detail: nil)
      @context.out << {
        "bad" => reason, "detail" => detail, "place" => @context.place, "at" => at, "text" => @context.raw
      }
    end

    # Set aside a line that can't be read, except for whole lines of ours behind its torn beginning.
    def refuse(reason, line, at, detail: nil)
      whole = WHOLE.include?(reason) || !line.index(Ndjson::START, 1)
      return set_aside(reason, at, detail:) if whole

      Ndjson.split(line) { |place, part| @context.as(part) { refuse_part(reason, part, at + place) } }
    end

    # Report a line that may tell of a run, in no format that is known.
    def refuse_unknown(line, at)
      refuse(line.match?(CONTROL) ? "binary" : "unknown-format", line, at)
    end

    private

    def refuse_part(reason, part, at)
      return set_aside(reason, at) unless part.start_with?("{")

      found = Ndjson.parse(part)
      found["run"] ? @context.emit_record(found, at) : set_aside("torn-json", at)
    end
  end
end
