# LINES: take the lines whose first characters tell their format, and join tracebacks to failures.
require_relative "format"
require_relative "peel"
require_relative "report"
require_relative "streams"

module Slowtask
  # Takes lines of known formats; what else there is, a class above it knows.
  class LineReader
    def initialize(context, formats)
      @context = context
      @formats = formats
      @peeler = context.peeler
      @report = Report.new(context)
      @by_first = formats.flat_map { |each| each.class::FIRST.bytes.map { |byte| [byte, each] } }.to_h
      @streams = Streams.new
      @stream = @streams[nil]
      @torn = nil # a line that the next may complete: its format, itself, its place
    end

    private

    # Take one line, whatever it looks like.
    def read_line(line, at)
      line = line.delete_suffix("\r")
      @context.raw = line
      format = @by_first[line.getbyte(0)]
      if line.bytesize > (format ? format.longest : Format::LONGEST) then @report.set_aside("too-long", at)
      elsif format then take(format, line, at)
      else
        read_other(line, at)
      end
    end

    # Take a line that begins as those of *format* do.
    def take(format, line, at)
      if @stream.failure || @torn
        return read_other(line, at) unless format.recognizes?(line)

        refuse_torn
        return if amends?(format, line)
      end
      found = catch(:unreadable) { format.read(line, at) }
      return take_unreadable(found, format, line, at) if found.is_a?(Unreadable)

      @stream.inside = format.multiline?
      @stream.heads = true
      @stream.open(found, format) if found
    end

    # Take a line that *format* couldn't read: a broken one of its own, or not one of its own.
    def take_unreadable(found, format, line, at)
      if found.rest then read_two(line, found.rest, at)
      elsif found.content then read_json(found.content, line, at)
      elsif found.reason == "torn-json" then refuse_json(found.reason, line, at)
      elsif found.reason == "unknown-format" || !format.recognizes?(line) then read_other(line, at)
      elsif found.reason == "malformed" && @torn.nil? then @torn = [format, line, at]
      else
        @stream.inside = false
        @report.refuse(found.reason, line, at, detail: found.detail)
      end
    end

    # Take two lines in one, since two processes wrote at once.
    def read_two(line, second, at)
      first = line[0, line.length - second.length]
      read_line(first, at)
      read_line(second, at + first.bytesize)
    end

    # Report the line that no other has completed.
    def refuse_torn
      return if @torn.nil?

      _, torn, at = @torn
      @torn = nil
      @stream.inside = false
      @context.as(torn) { @report.refuse("malformed", torn, at) }
    end

    # Whether *line* completes the line before it, which a terminal has cut in two.
    def completes_torn?(line)
      return false if @torn.nil?

      format, torn, at = @torn
      found = own?(line) || @context.as(torn + line) { catch(:unreadable) { format.read(torn + line, at) } }
      if found == true || found.is_a?(Unreadable)
        refuse_torn
        return false
      end
      @torn = nil
      @stream.open(found, format) if found
      true
    end

    # Whether *line* is surely no part of another.
    def own?(line)
      peeled = @peeler.peel(line)
      peeled.head? || !peeled.envelope.nil?
    end

    # Whether *line* only says more about the open failure. If not, no line after it will.
    def amends?(format, line)
      return false if @stream.failure.nil?

      if format.amends?(line, @stream.failure)
        @stream.inside = format.multiline?
        return true
      end
      @stream.failure = nil if format.withdraws?(line, @stream.failure)
      @stream.close
      false
    end

    # Yields what all wrappers of a line say, of which *envelope* is the innermost, in the stream that they name.
    def within(envelope)
      before = @context.envelope
      outer = @stream
      @context.envelope = before ? before.around(envelope) : envelope
      @stream = @streams[@context.envelope.stream]
      @context.stream = @stream.name
      yield @context.envelope
    ensure
      @context.envelope = before
      @stream = outer
      @context.stream = outer.name
    end
  end
end
