# Lines become runs, samples and alerts, or unparsed lines with their reason.
require_relative "celery"
require_relative "document"
require_relative "logs"
require_relative "loose"
require_relative "record"
require_relative "rq"
require_relative "times"

module Slowtask
  # One filter's: what is open in each log is its own.
  class Reader
    FIELDS = ["task.name", "task.id", "queue.name", "worker.name", "error.type", "error.message"].freeze
    TIMEOUTS = /(?:JobTimeoutException|SoftTimeLimitExceeded|TimeLimitExceeded)\z/
    NO_NUMBER = /Task-time: [-+]?(?:nan|inf|infinity)\s*\z/i

    # *params*: "timezone" of times that tell none, "date" of the first line that tells only a clock.
    def initialize(params)
      zone = java.time.ZoneId.of(params.fetch("timezone", "UTC"))
      date = params["date"].to_s
      @zone = zone
      @rq = Rq.new(Clock.new(zone, date.empty? ? nil : java.time.LocalDate.parse(date)))
      @celery = Celery.new(zone)
      @logs = Logs.new
      @lock = Mutex.new # pipeline workers share the logs
    end

    # The events of what *event* tells; where that is nothing, itself, marked as chatter.
    def events(event)
      place = place(event)
      items = safely(event, place)
      return chatter(event) if items.empty?

      all = [event, *items.drop(1).map { event.clone }]
      all.zip(items) { |each, item| Document.fill(each, item, item["place"] || place) }
      all
    end

    private

    def chatter(event)
      event.set("[@metadata][slowtask_chatter]", true)
      [event]
    end

    # Nothing is there where the first filter failed: the line is kept all the same.
    def place(event)
      place = event.get("[@metadata][slowtask]") || { "line" => event.get("message").to_s, "failed" => true }
      place.merge("path" => event.get("[log][file][path]"), "host" => event.get("[host][name]"))
    end

    # A mistake of the filter must not lose a line.
    def safely(event, place)
      raise "the filter slowtask_line failed" if place["failed"]

      @lock.synchronize { items(event, place) }
    rescue StandardError, java.lang.Exception => e
      [{ "bad" => "filter-error", "detail" => "#{e.class}: #{e.message}", "text" => place["line"], "at" => 0 }]
    end

    # All that *event* tells: runs, and lines that can't be read.
    def items(event, place)
      log = @logs[place["source"]]
      kind = (event.get("[@metadata][is]") || {}).keys.first
      log.inside = place["kind"] == "celery" unless place["kind"] == "other"
      before = place["kind"] == "other" ? [] : @celery.released(kind, log)
      found = of_head(event, place, kind, log)
      before + behind_nul(place, hold(kind, event, place, log, found) + of_lines(place, log))
    end

    # The items of the first line.
    def of_head(event, place, kind, log)
      found = head(event, place, kind, log)
      return [] unless found

      failed = found["run"] && found["run"]["event.outcome"] == "failure" && kind
      blame(found["run"], place["more"]) if failed
      log.inside = true if failed
      log.inside = false if found["bad"]
      return Record.pieces(found, place["line"]) if found["bad"] && place["kind"] != "long"

      [found.merge("text" => place["line"], "at" => 0)]
    end

    # Whether and what a head tells: a run, that it can't be read, or nothing yet.
    def head(event, place, kind, log)
      case place["kind"]
      when "json" then Record.parse(place["line"])
      when "long" then { "bad" => "too-long" }
      when "other" then nil
      else kind ? matched(event, place["kind"], kind, log) : { "bad" => unmatched(place["kind"], place["line"]) }
      end
    end

    # What a line tells that a pattern matched.
    def matched(event, format, kind, log)
      case format
      when "text" then text(event)
      when "celery" then @celery.item(kind, event.get("@metadata"), fields(event), log)
      when "rq" then @rq.item(kind, event.get("@metadata"), fields(event), log, event.get("@timestamp").to_i)
      end
    end

    # Why no pattern matched.
    def unmatched(format, line)
      case format
      when "text" then line.match?(NO_NUMBER) ? "bad-duration" : "malformed"
      when "celery" then "malformed"
      when "rq" then line[9..].start_with?("Successfully completed ") ? "malformed" : "unknown-format"
      end
    end

    # The text format: a line tells of its run alone.
    def text(event)
      at = Times.stamp(event.get("[@metadata][time]"), @zone)
      took = Times.nanoseconds(event.get("[@metadata][seconds]"))
      return { "bad" => at ? "bad-duration" : "bad-time" } unless at && took

      { "run" => { "@timestamp" => at, "event.dataset" => "slowtask.run", "event.outcome" => "unknown",
                   "event.duration" => took, "task.name" => event.get("[task][name]") } }
    end

    def fields(event)
      FIELDS.to_h { |name| [name, event.get("[#{name.sub(".", "][")}]")] }
    end

    # *run*, a failure, with what the traceback in *lines* says of it.
    def blame(run, lines)
      type, message = Loose.cause(lines)
      run.update("error.type" => type, "error.message" => message) if type
      timed_out = run["event.action"] == "failed" && run["error.type"].to_s.match?(TIMEOUTS)
      run["event.action"] = "timed-out" if timed_out
    end

    # Celery's "Terminating" waits for the next line of its log.
    def hold(kind, event, place, log, found)
      return found unless kind == "celery_terminated"

      *others, last = found
      log.held = last.merge("place" => place, "id" => event.get("[task][id]"))
      others
    end

    # The items of the lines behind the head, or of all where there is none.
    def of_lines(place, log)
      headless = place["kind"] == "other"
      at = headless ? 0 : place["line"].bytesize + 1
      (headless ? [place["line"], *place["more"]] : place["more"]).flat_map do |line|
        line = line.delete_suffix("\r")
        found = Loose.items(line, log).map { |item| item.merge("at" => at + item["at"]) }
        at += line.bytesize + 1
        found
      end
    end

    # *items* behind the NUL bytes that the line began with, which are one themselves.
    def behind_nul(place, items)
      nul = place["nul"]
      return items unless nul

      [Loose.bad("nul-bytes", nul), *items.map { |item| item.merge("at" => item["at"] + nul.length) }]
    end
  end
end
