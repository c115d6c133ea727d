# EVENTS: Logstash's events in and out: the lines of an event become runs, samples and alerts, or unparsed lines with
# their reason. An event that is sent again tells nothing new.
require_relative "document"
require_relative "grok"
require_relative "logs"
require_relative "reader"
require_relative "seen"

module Slowtask
  # One filter's: what is open in each log is its own.
  class Events
    # *params*: "patterns", their folder; "timezone" of times that tell none; "date" of the first line without one.
    def initialize(params)
      grok = Grok.new(params["patterns"])
      date = params["date"].to_s
      settings = {
        grok:, peeler: Peeler.new(grok), zone: java.time.ZoneId.of(params.fetch("timezone", "UTC")),
        day: date.empty? ? nil : java.time.LocalDate.parse(date)
      }
      @logs = Logs.new { Reader.new(settings) }
      @seen = Seen.new
      @lock = Mutex.new # pipeline workers share the logs
    end

    # The events of what *event* tells; where that is nothing, itself, marked as chatter.
    def of(event)
      place = {}
      items = safely(event, place)
      return chatter(event) if items.empty?

      all = [event, *items.drop(1).map { event.clone }]
      all.zip(items) { |each, item| Document.fill(each, item, item["place"]) }
      all
    end

    private

    def chatter(event)
      event.set("[@metadata][slowtask_chatter]", true)
      [event]
    end

    # A mistake of the filter must not lose a line; Reader sees to its own.
    def safely(event, place)
      text = text(event)
      place.update(stands(event)).update("read" => event.get("@timestamp").to_i)
      @lock.synchronize { @seen.again?(place["stands"], text) ? [] : @logs[place["source"]].read(place, lines(text)) }
    rescue StandardError, java.lang.Exception => e
      [{ "bad" => "filter-error", "detail" => "#{e.class}: #{e.message}", "text" => text, "at" => 0, "place" => place }]
    end

    # The lines as they were written.
    def text(event)
      line = event.get("message")
      line = event.get("[event][original]") unless line.is_a?(String)
      line.to_s.scrub.chomp
    end

    def lines(text)
      text.empty? ? [text] : text.split("\n", -1)
    end

    # A machine, a file and a place in it, and the log that later lines of a run are looked for in. The file by
    # all that tells it: an inode is used again when its file is gone.
    def stands(event)
      path = event.get("[log][file][path]")
      offset = event.get("[log][offset]")
      file = [event.get("[log][file][device_id]"), event.get("[log][file][inode]")].compact
      file = [event.get("[log][file][fingerprint]") || path].compact if file.size < 2
      host = event.get("[host][name]")
      machine = event.get("[agent][id]") || host
      {
        "stands" => offset && !file.empty? ? [machine, *file, offset].join(":") : nil,
        "source" => [machine, path].compact.join(":"), "path" => path, "host" => host,
        "offset" => offset&.to_i
      }
    end
  end
end
