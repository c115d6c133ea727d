# CARRIED: take the lines that something carried, or that have a head of another form: peel them. A line of no format
# belongs to the line before it, or another program wrote it, or it is reported.
require_relative "lines"
require_relative "structured"

module Slowtask
  # Takes lines in wrappers, and lines with any head.
  class CarriedReader < LineReader
    BOM = "\uFEFF".freeze
    BLANK = /\A\s*\z/
    NUMBERED = /\A\s{0,6}\d+\t/
    INNER_SENTENCE = /(?:Successfully completed |\S+: Job OK|\S+: [\w.]+\(|Moving job to |Traceback \(most|\[Job )/
    # A line of RQ's or Celery's behind what a task printed without a line end.
    INNER_LINE = Regexp.union(
      /(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d (?:Worker \S+: )?#{INNER_SENTENCE}/,
      %r{\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: [A-Z]+/[^\]]+\] Task }
    )

    def initialize(context, formats)
      super
      @structured = StructuredEvents.new(context)
    end

    private

    # Take a line that doesn't begin like one of any format.
    def read_other(line, at)
      if line.match?(BLANK) then @stream.cause.read(line)
      elsif line.start_with?(BOM) && first?(at) then read_line(line.delete_prefix(BOM), at + BOM.bytesize)
      elsif line.include?("\0") then read_between_nuls(line, at)
      elsif line.match?(Format::COLOUR) then read_line(line.gsub(Format::COLOUR, ""), at)
      elsif completes_torn?(line) then nil
      elsif indented?(line) && !line.match?(NUMBERED) then read_indented(line, at)
      else
        read_peeled(@peeler.peel(line), at) || read_loose(line, at)
      end
    end

    # Whether the log begins with the line that stands at *at*.
    def first?(at)
      at.zero? && @context.place["offset"].to_i.zero?
    end

    def indented?(line)
      line.start_with?(" ", "\t")
    end

    # Take an indented line: it goes on with the one before, unless it tells of a run itself.
    def read_indented(line, at)
      return @stream.cause.read(line) if @stream.inside && !@peeler.may_tell?(line)

      read_peeled(@peeler.peel(line.lstrip), at) || read_loose(line, at)
    end

    # Take a line with neither wrappers nor a head.
    def read_loose(line, at)
      return @report.set_aside("lost-process", at) if @formats.any? { |format| format.loss?(line) }

      inner = @stream.heads && line.index(INNER_LINE)
      @stream.inside = true if line.start_with?(Cause::START)
      return @report.refuse_unknown(line, at) if line.include?(Ndjson::START)
      return read_line(line[inner..], at + line[0, inner].bytesize) if inner
      return @stream.cause.read(line) if @stream.inside

      @report.refuse_unknown(line, at) if @peeler.may_tell?(line)
    end

    # Take a line with NUL bytes: around the text, a crash left them; within it, it is no text.
    def read_between_nuls(line, at)
      rest = line.gsub(/\A\0+|\0+\z/, "")
      return @report.refuse("binary", line, at) if rest.match?(Report::CONTROL)

      @report.set_aside("nul-bytes", at)
      read_line(rest, at + line[/\A\0*/].bytesize) unless rest.empty?
    end

    # Take a line that has wrappers or a head, or a bare sentence; false if it has none of them.
    def read_peeled(peeled, at)
      peeled.envelope ? read_enveloped(peeled, at) : read_sentence(peeled, at)
    end

    # Take a line in wrappers, in the stream that they name.
    def read_enveloped(peeled, at)
      within(peeled.envelope) do |envelope|
        text = @stream.join_part(peeled.text, envelope.output, envelope.part)
        read_carried(text, text.equal?(peeled.text) ? peeled : @peeler.peel(text), at) if text
      end
      true
    end

    # Take what a wrapper carried: a line as it would be without, or a bare sentence.
    def read_carried(text, peeled, at)
      format = @by_first[text.getbyte(0)]
      if format&.recognizes?(text) then take(format, text, at)
      elsif indented?(text) && @stream.inside then @stream.cause.read(text)
      else
        read_sentence(peeled.with(text:), at) || read_loose(text, at)
      end
    end

    # Take a line whose head isn't a format's own; false if it belongs to the line before, or to none.
    def read_sentence(peeled, at)
      tells = @peeler.may_tell?(peeled.text)
      return false unless tells || peeled.head?

      refuse_torn if peeled.head?
      @peeler.each_sentence(peeled.text, peeled.head, tells) do |start, head|
        next if @stream.heads && !peeled.head? && head.time.nil? # a task's output

        line = Line.new(peeled.text, peeled.text[start..], at, head.time, head.process, head.logger)
        return true if try_sentence(line)
      end
      return false unless peeled.head?

      pass_over(peeled, at, tells)
      true
    end

    # Take a line with a head and without a sentence that could be read.
    def pass_over(peeled, at, tells)
      @stream.close
      @stream.inside = true
      @context.dated = peeled.head.time if peeled.head.time
      second = tells && @peeler.second(peeled)
      return read_sentence(@peeler.peel(second), at) if second

      own = peeled.text.index(Ndjson::START) # behind a head
      return read_line(peeled.text[own..], at + peeled.text[0, own].bytesize) if own

      @report.refuse("unknown-format", peeled.text, at) if tells
    end

    # Whether a format reads the sentence of *line*, or knows why it can't be used.
    def try_sentence(line)
      return true if @stream.owner && amends?(@stream.owner, line.text)

      @formats.each do |format|
        found = catch(:unreadable) { format.read_sentence(line) }
        next if found.is_a?(Unreadable) && found.reason == "unknown-format"

        take_sentence(found, format, line)
        return true
      end
      try_structured(line)
    end

    def take_sentence(found, format, line)
      return @report.refuse(found.reason, line.whole, line.at, detail: found.detail) if found.is_a?(Unreadable)

      @stream.inside = true
      @stream.heads ||= line.start.positive?
      @stream.open(found, format) if found
    end

    # Whether *line* is an event with its fields, or one that can't be used.
    def try_structured(line)
      found = catch(:unreadable) { @structured.read_console(line) }
      return emit_structured(found) unless found.is_a?(Unreadable)

      @report.refuse(found.reason, line.whole, line.at, detail: found.detail)
      true
    end

    # Hand on the run of an event, and tell whether there was one.
    def emit_structured(found)
      @context.emit(found) if found.is_a?(End)
      !found.nil?
    end
  end
end
