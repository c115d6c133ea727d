# WRAPPERS: take off a line what the programs that carried it have put before it. The table is patterns/wrappers.
require_relative "envelope"

module Slowtask
  # All wrappers as one expression, and what each of its groups is.
  class Wrappers
    FILE = "wrappers".freeze
    ROW = "WRAP_".freeze
    MOST_WRAPPERS = 5 # around one line
    LONGEST = 512 # characters of a line in which a wrapper ends
    NUMBERED = ["[@metadata][program]", "[@metadata][process]"].freeze
    PID = /\[\d+\]\z/ # a job's process isn't its worker's

    def initialize(grok)
      @rows = {} # its fields, by the number of a wrapper's own group
      group = 1
      expressions = rows(grok.read(FILE)).map do |name|
        expression, @rows[group] = grok.expand(name)
        group += 1 + @rows[group].size
        "(#{expression})"
      end
      @expression = Regexp.new("\\A(?:#{expressions.join("|")})", Regexp::MULTILINE)
    end

    # What the wrappers of *line* know, and the line within them; nil if it has none.
    def unwrap(line)
      envelope = nil
      MOST_WRAPPERS.times do
        found = @expression.match(line.length > LONGEST ? line[0, LONGEST] : line)
        break if found.nil? || found[0].empty?

        note(envelope ||= Envelope.new, found)
        line = line[found[0].length..]
      end
      envelope && [envelope, line]
    end

    private

    # The patterns that no other uses, in order.
    def rows(patterns)
      used = patterns.values.join(" ").scan(/%\{(\w+)/).flatten
      patterns.keys.select { |name| name.start_with?(ROW) } - used
    end

    # Note in *envelope* what one more wrapper says.
    def note(envelope, found)
      group, names = @rows.find { |number, _| found[number] }
      names.zip(found.captures[group, names.size]) do |name, value|
        next if value.nil?

        case name
        when "[@metadata][time]" then envelope.time ||= value
        when "[@metadata][output]" then envelope.output = value
        when "[@metadata][part]" then envelope.part = value == "P"
        else envelope.fields[name] = NUMBERED.include?(name) ? value.sub(PID, "") : value
        end
      end
    end
  end
end
