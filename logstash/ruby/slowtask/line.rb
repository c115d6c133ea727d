# The head of a line, the lines joined to it, which format it may be, and where it stands.
require_relative "loose"

module Slowtask
  # What the first filter finds out, for the patterns and for the second.
  module Line
    COLOUR = /\e\[[0-9;]*m/
    HEADS = {
      "json" => /\A\{(?!')/, # a dict as Python shows it begins with a brace and a quote
      "text" => /\ATime: /,
      "celery" => /\A\[\d{4}/,
      "rq" => /\A(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d /
    }.freeze

    module_function

    # All that the event filter takes for granted of *event*, as a hash.
    def read(event)
      offset = event.get("[log][offset]")
      text, nul = without_nul(text(event, offset.to_i))
      head, *more = text.split("\n", -1)
      head = head.to_s.delete_suffix("\r")
      kind = kind(head)
      head = head.gsub(COLOUR, "") if kind == "rq"
      stands(event, offset).merge(
        "line" => head, "more" => more, "kind" => long?(head, kind) ? "long" : kind, "nul" => nul, "offset" => offset
      )
    end

    # The line as it was written, without what a file, a terminal or a shipper put around it.
    def text(event, offset)
      line = event.get("message")
      line = event.get("[event][original]") unless line.is_a?(String)
      line = line.to_s.scrub.chomp
      line = line.delete_prefix("\uFEFF") if offset.zero?
      line.start_with?("\e[") ? line.gsub(COLOUR, "") : line
    end

    # A crash left NUL bytes; what stands behind them is read.
    def without_nul(line)
      nul = line[/\A\0+(?=[^\0])/]
      [nul ? line.delete_prefix(nul).sub(/\0+\z/, "") : line, nul]
    end

    def kind(head)
      HEADS.keys.find { |name| HEADS[name].match?(head) } || "other"
    end

    def long?(head, kind)
      head.bytesize > (kind == "json" ? Loose::LONGEST_JSON : Loose::LONGEST)
    end

    # A machine, a file and a place in it, and the log that later lines of a run are looked for in. The file by
    # all that tells it: an inode is used again when its file is gone.
    def stands(event, offset)
      path = event.get("[log][file][path]")
      file = [event.get("[log][file][device_id]"), event.get("[log][file][inode]")].compact
      file = [event.get("[log][file][fingerprint]") || path].compact if file.size < 2
      host = event.get("[agent][id]") || event.get("[host][name]")
      {
        "stands" => offset && !file.empty? ? [host, *file, offset].join(":") : nil,
        "source" => [host, path].compact.join(":")
      }
    end
  end
end
