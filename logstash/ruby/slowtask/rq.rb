# RQ: one run from the lines of its start, its time and its end.
require_relative "times"

module Slowtask
  # The item of a line that a pattern knows, or nil: nothing yet.
  class Rq
    UNTOLD = ["retried", "abandoned"].freeze # tell of no run of their own where its start isn't known

    def initialize(clock)
      @clock = clock
    end

    # *kind* is the pattern's word, *meta* and *field* what it found; the line was read at the second *read*.
    def item(kind, meta, field, log, read)
      at = @clock.moment(log, meta["clock"], read)
      case kind
      when "rq_chatter" then nil
      when "rq_start" then start(at, meta, field, log)
      when "rq_done" then done(run(at, field), meta, log)
      when "rq_ok" then succeeded(run(at, field), field, log)
      else ended(run(at, field), kind, meta, log)
      end
    end

    private

    def run(at, field)
      {
        "@timestamp" => at, "event.dataset" => "slowtask.run", "event.outcome" => "failure",
        "task.name" => field["task.name"], "task.id" => field["task.id"], "queue.system" => "rq",
        "worker.name" => field["worker.name"]
      }
    end

    def start(at, meta, field, log)
      log.pending.delete(field["task.id"])
      known = field.slice("task.id", "queue.name", "worker.name", "task.name")
      log.remember(log.pending, field["task.id"], known.merge("at" => at, "call" => meta["call"]))
    end

    # "Successfully completed … in …": the time of a run.
    def done(run, meta, log)
      took = duration(meta)
      return { "bad" => "bad-duration" } unless took

      run.update("event.outcome" => "success", "event.action" => "finished", "event.duration" => took)
      begun = begun(run, log, meta["call"])
      begun ? log.remember(log.told, begun["task.id"], true) : log.unsettled[run["worker.name"]] = true
      complete(log, run, begun)
    end

    def duration(meta)
      seconds = Times.nanoseconds(meta["seconds"])
      minutes = meta["days"].to_i * 1440 + meta["hours"].to_i * 60 + meta["minutes"].to_i
      took = seconds && minutes * 60 * SECOND + seconds
      took if took&.between?(0, MOST)
    end

    # "Job OK": nothing new where its time was told before.
    def succeeded(run, field, log)
      return if log.told.delete(run["task.id"])

      begun = log.pending[run["task.id"]]
      return if begun.nil? && (log.unsettled.delete(run["worker.name"]) || log.unsettled.shift)

      run.update("event.outcome" => "success", "event.action" => "finished", "queue.name" => field["queue.name"])
      complete(log, run, begun)
    end

    # Every other end.
    def ended(run, kind, meta, log)
      run["event.action"] = kind.delete_prefix("rq_")
      run["event.reason"] = exit_reason(meta["status"], meta["signal"]) if kind == "rq_killed"
      run["task.name"] = nil if run["task.name"].to_s.start_with?("<")
      begun = begun(run, log, nil)
      return if begun.nil? && run["task.name"].nil? && UNTOLD.include?(run["event.action"])

      complete(log, run, begun)
    end

    def begun(run, log, call)
      run["task.id"] ? log.pending[run["task.id"]] : latest(log, run["worker.name"], call)
    end

    # The start that an end without an id belongs to: a worker runs one job at a time.
    def latest(log, worker, call)
      starts = log.pending.values
      workers = starts.map { |start| start["worker.name"] }.uniq
      mine = workers == [worker] ? [worker] : [worker, nil]
      starts.reverse.first(1000).find do |start|
        mine.include?(start["worker.name"]) && (call.nil? || start["call"].nil? || start["call"] == call)
      end
    end

    # *run* with what its start knows.
    def complete(log, run, begun)
      join(log, run, begun) if begun
      run["task.name"] ? { "run" => run } : { "bad" => "no-task-name" }
    end

    def join(log, run, begun)
      log.pending.delete(begun["task.id"])
      run.update("task.id" => begun["task.id"], "queue.name" => begun["queue.name"], "event.start" => begun["at"])
      run["task.name"] ||= begun["task.name"]
      run["worker.name"] ||= begun["worker.name"]
      return if run["event.duration"]

      # A time between two whole seconds is so by a second.
      between = [0, run["@timestamp"] - begun["at"]].max * 1000
      run.update("event.duration" => between, "event.margin" => SECOND)
    end

    # What waitpid returned, in words.
    def exit_reason(status, signal)
      return "signal #{signal.to_i}" if signal

      number = status.to_s.match?(/\A\d{1,5}\z/) ? status.to_i : 0
      return "exit status #{number >> 8}" if (number >> 8).positive?

      "signal #{number & 127}" if number.positive?
    end
  end
end
