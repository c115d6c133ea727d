# Lines without a head: tracebacks, banners, JSON behind other lines, and what nobody knows.
require_relative "record"

module Slowtask
  # What they tell.
  module Loose
    LONGEST = 64 * 1024 # bytes; no longer line reaches a pattern
    LONGEST_JSON = 1024 * 1024
    BANNER = /\A(?:\s*-[-* ]+(?:$| )|\s+\.>? |\[(?:tasks|queues|config)\]|worker: )/
    UNTIMED = ["StartedJobRegistry cleanup: ", "Job ", "FailedJobRegistry "].freeze
    CONTROL = /[\x00-\x08\x0e-\x1a\x1c-\x1f]/
    RAISED = /\A([A-Za-z_][\w.]*)(?:: (.*)|:?\s*)\z/m
    TRACEBACK = "Traceback (most recent call last):".freeze

    module_function

    # The items of a line; none where it belongs to the line before or is chatter.
    def items(line, log)
      return [] if line.match?(/\A\s*\z/)
      return behind_nul(line, log) if line.include?("\0")
      return [bad("too-long", line)] if line.bytesize > LONGEST_JSON
      return json(line) if line.match?(/\A\{(?!')/)
      return [bad("too-long", line)] if line.bytesize > LONGEST
      return Record.pieces({ "bad" => "malformed" }, line) if line.match?(/\A\[\d{4}/)

      return [] if chatter?(line, log)

      Record.pieces({ "bad" => line.match?(CONTROL) ? "binary" : "unknown-format" }, line)
    end

    def bad(reason, line)
      { "bad" => reason, "text" => line, "at" => 0 }
    end

    def json(line)
      found = Record.parse(line)
      found["bad"] ? Record.pieces(found, line) : [found.merge("text" => line, "at" => 0)]
    end

    # A crash left the NUL bytes; what stands behind them is read.
    def behind_nul(line, log)
      rest = line.gsub(/\A\0+|\0+\z/, "")
      return [bad("binary", line)] if rest.match?(CONTROL)

      at = line[/\A\0*/].length
      [bad("nul-bytes", line), *items(rest, log).map { |item| item.merge("at" => item["at"] + at) }]
    end

    def chatter?(line, log)
      if line.start_with?(TRACEBACK)
        log.inside = true
      else
        (log.inside && !line.include?(Record::OURS)) || line.match?(BANNER) || line.start_with?(*UNTIMED)
      end
    end

    # What the traceback in *lines* says was raised: type and message of the last exception of a chain.
    def cause(lines)
      indented = false
      lines.each_with_object([]) do |line, found|
        now = line.start_with?(" ", "\t")
        raised = indented && !now && RAISED.match(line)
        found.replace([raised[1], cut(raised[2])]) if raised
        indented = now
      end
    end

    # *text* as long as an event may have it; nil for nothing.
    def cut(text)
      text.to_s.strip.empty? ? nil : text[0, 1000].strip
    end
  end
end
