# JSONLOG: take the JSON lines of other programs: what they carry, or the run that their fields tell of.
require_relative "carried"

module Slowtask
  # Takes JSON objects that slowtask didn't write.
  class JsonLogReader < CarriedReader
    private

    def read_json(content, line, at)
      record = Fields.new(content)
      within(Envelope.of(record)) do |envelope|
        found = catch(:unreadable) { read_record(record, envelope, line, at) }
        if found.is_a?(Unreadable) then @report.refuse(found.reason, line, at, detail: found.detail)
        elsif !found then refuse_json("not-an-event", line, at)
        end
      end
    end

    # Take the event of *record*, or else its text, line by line; false if it has none of them.
    def read_record(record, envelope, line, at)
      event = record.find("text")
      event = "" unless event.is_a?(String)
      return true if emit_structured(@structured.read(event, record, Line.new(line, line, at)))
      return false if event.empty?

      whole = @stream.join_part(event, envelope.output, Envelope.part?(record, event))
      read_lines(whole, record, at) if whole
      true
    end

    def read_lines(text, record, at)
      first, *others = text.sub(/\n+\z/, "").split("\n", -1)
      read_text(first.to_s.delete_suffix("\r"), record, at)
      [*others, *record.text("traceback").to_s.split("\n")].each { |each| @stream.cause.read(each) unless each.empty? }
    end

    # Take the first line of what a JSON object carries; its fields are the head of a bare sentence.
    def read_text(text, record, at)
      text = text.gsub(Format::COLOUR, "")
      peeled = @peeler.peel(text)
      if peeled.head.nil? && (record.find("level") || record.find("logger"))
        peeled = peeled.with(head: Head.new(0, nil, "INFO", record.text("process"), record.text("logger")))
      end
      peeled.envelope ? read_enveloped(peeled, at) : read_carried(text, peeled, at)
    end

    # Take JSON that is broken, or carries nothing that is known.
    def refuse_json(reason, line, at)
      @stream.inside = false
      ours = line.include?(Ndjson::START) || line.include?(Ndjson::DATASET_WORD)
      @report.refuse(reason, line, at) if ours || @peeler.may_tell?(line)
    end
  end
end
