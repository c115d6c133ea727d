# ITEMS: what a line can turn out to be. An item is a hash: "run" => the fields by name, or "bad" => the reason why
# it can't be read, with "detail"; and where its line stands: "place", "at" (bytes behind the place), "text".
module Slowtask
  SECOND = 1_000_000_000 # ns
  MOST = 2**63 - 1

  # The end of an attempt, as a stock line tells it. Times are µs since the epoch, durations ns.
  End = Struct.new(
    :place, :at, :text, :timestamp, :task, :start, :duration, :margin, :outcome, :action, :reason, :id, :queue,
    :system, :worker, :error, :message, :host, :labels,
    :call, :stream, :precision, :waits, # not part of the event
    keyword_init: true
  ) do
    # Where its line begins in its log, in bytes.
    def offset
      place["start"] + at
    end

    # As it is stored: a run, unless no line names its task.
    def item
      stands = { "place" => place, "at" => at, "text" => text }
      task ? stands.merge("run" => run) : stands.merge("bad" => "no-task-name")
    end

    def run
      {
        "@timestamp" => timestamp, "event.dataset" => "slowtask.run", "event.start" => start,
        "event.duration" => duration, "event.margin" => margin, "event.outcome" => outcome,
        "event.action" => action, "event.reason" => reason, "task.name" => task, "task.id" => id,
        "queue.name" => queue, "queue.system" => system, "worker.name" => worker, "host.name" => host,
        "labels" => labels, "error.type" => error, "error.message" => message
      }
    end
  end

  # Why a line that looks like one of a format can't be used: thrown to the reader. Of two lines in one, *rest* is
  # the second; *content* is that of JSON which another program wrote.
  Unreadable = Struct.new(:reason, :detail, :rest, :content, keyword_init: true) do
    def self.because(reason, **more)
      throw :unreadable, new(reason:, **more)
    end
  end
end
