# TEXT: the text format, one line for each run, without outcome, queue or worker.
require_relative "format"

module Slowtask
  # Lines of the text format, each of which tells of one run.
  class TextFormat < Format
    FIRST = "T".freeze
    PREFIX = "Time: ".freeze
    PATTERNS = {
      text: ["SLOWTASK_TEXT", "[@metadata][time]", "[task][name]", "[@metadata][seconds]"]
    }.freeze
    NO_NUMBER = / Task-time: [-+]?(?:nan|inf|infinity)\s*\z/i

    def read(line, at)
      found = @is[:text].match(line)
      Unreadable.because(line.match?(NO_NUMBER) ? "bad-duration" : "malformed") unless found

      time, task, seconds = found.captures
      ended = @context.make_end(Line.new(line, line, at), task:, outcome: "unknown")
      ended.timestamp = Times.stamp(time, @context.zone)
      ended.duration = duration(seconds)
      @context.emit(ended)
      nil
    rescue NoSuchTime
      Unreadable.because("bad-time")
    end

    def recognizes?(line)
      line.start_with?(PREFIX)
    end
  end
end
