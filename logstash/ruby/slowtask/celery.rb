# Celery: a line tells of its run alone, but for what it was called and whether it could be stopped.
require_relative "times"
require_relative "loose"

module Slowtask
  # The item of a line that a pattern knows, or nil: it tells of no run.
  class Celery
    # Lines of the parent: the worker that they name isn't the one that ran the task.
    PARENTS = ["celery_timeout", "celery_cut", "celery_unknown", "celery_terminated", "celery_discarded"].freeze
    TIMED = ["celery_done", "celery_timeout"].freeze # lines with a duration

    def initialize(zone)
      @zone = zone
    end

    # *kind* is the pattern's word, *meta* and *field* what it found.
    def item(kind, meta, field, log)
      case kind
      when "celery_chatter", "celery_unable" then nil
      when "celery_received" then log.remember(log.received, field["task.id"], field["task.name"])
      when "celery_revoked" then revoked(meta, log)
      when "celery_lost" then lost(field)
      when "celery_discarded" then log.revoked[field["task.id"]] ? nil : run(kind, meta, field, log)
      else run(kind, meta, field, log)
      end
    end

    # What was held back in *log*: whether a task that was to be stopped could be is in the next line.
    def released(kind, log)
      held = log.held
      log.held = nil
      return [] unless held
      return [held] unless kind == "celery_unable"

      log.revoked.delete(held["id"])
      []
    end

    private

    def revoked(meta, log)
      meta["ids"].split(", ").map(&:strip).each do |id|
        log.remember(log.revoked, id, log.revoked[id] || false)
      end
      nil
    end

    # No line names the task of a lost process, but that of a time limit.
    def lost(field)
      field["error.message"].start_with?("TimeLimitExceeded(") ? nil : { "bad" => "no-task-name" }
    end

    def run(kind, meta, field, log)
      at = Times.stamp(meta["time"], @zone)
      return { "bad" => "bad-time" } unless at

      took = Times.nanoseconds(meta["seconds"]) if TIMED.include?(kind)
      return { "bad" => "bad-duration" } if TIMED.include?(kind) && took.nil?

      run = begun(kind, at, field).merge("event.duration" => took).compact
      run.update(ending(kind, meta, field, log))
      run["task.name"] ? { "run" => run } : { "bad" => "no-task-name" }
    end

    def begun(kind, at, field)
      error = field["error.type"]
      {
        "@timestamp" => at, "event.dataset" => "slowtask.run", "event.outcome" => "failure",
        "task.name" => field["task.name"], "task.id" => field["task.id"], "queue.system" => "celery",
        "worker.name" => PARENTS.include?(kind) ? nil : field["worker.name"],
        "error.type" => error && Loose.cut(error),
        "error.message" => error && Loose.cut(field["error.message"])
      }
    end

    # What the line says of how the task ended.
    def ending(kind, meta, field, log)
      case kind
      when "celery_done" then { "event.outcome" => "success", "event.action" => "finished" }
      when "celery_left" then { "event.outcome" => "unknown", "event.action" => "finished" }
      when "celery_reject" then rejected(meta)
      when "celery_timeout" then { "event.action" => "timed-out", "event.margin" => SECOND }
      when "celery_cut" then { "event.action" => "killed", "event.reason" => "cancelled by its worker" }
      when "celery_retry" then retried(field)
      when "celery_terminated" then terminated(field, log)
      when "celery_discarded" then discarded(meta, field, log)
      else { "event.action" => field["error.type"].to_s.end_with?("SoftTimeLimitExceeded") ? "timed-out" : "failed" }
      end
    end

    def rejected(meta)
      return { "event.action" => "retried" } if meta["requeue"] == "True"

      { "event.outcome" => "unknown", "event.action" => "finished" }
    end

    # What killed it says more than that it is tried again, and comes from the parent.
    def retried(field)
      return { "event.action" => "retried" } unless field["error.type"].to_s.end_with?("WorkerLostError")

      { "event.action" => "killed", "event.reason" => death(field["error.message"]), "worker.name" => nil }
    end

    def terminated(field, log)
      log.remember(log.revoked, field["task.id"], true)
      { "event.action" => "stopped", "task.name" => log.received[field["task.id"]] }
    end

    def discarded(meta, field, log)
      flagged = meta["header"] || log.revoked.key?(field["task.id"])
      { "event.action" => "stopped", "event.reason" => flagged ? "revoked" : nil }
    end

    # `signal 9`, `exit status 3`, as *text* says that a process ended.
    def death(text)
      found = /prematurely: (signal|exitcode) (\d+)/.match(text.to_s)
      found && "#{found[1] == "signal" ? "signal" : "exit status"} #{found[2].to_i}"
    end
  end
end
