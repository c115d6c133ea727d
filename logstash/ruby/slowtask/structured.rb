# STRUCTURED: runs that a program logs as fields rather than in a sentence of Celery's: `task_succeeded task_id=8cdb…
# task=app.tasks.heartbeat`, as django-structlog does, on a console or in JSON; or a task in JSON with its run time.
require_relative "fields"
require_relative "format"

module Slowtask
  # Reads the events of one log that tell of runs by their fields.
  class StructuredEvents
    STARTED = "task_started".freeze
    # What django-structlog calls the ends of a task.
    ENDS = {
      "task_succeeded" => "finished", "task_failed" => "failed", "task_retrying" => "retried",
      "task_revoked" => "stopped", "task_rejected" => "failed", "task_not_found" => "failed",
      "task_unknown" => "failed"
    }.freeze
    EVENT = /\A(task_[a-z_]+)\b/
    # `task_id=8cdb…`, `task='app.tasks.heartbeat'`
    FIELD = /(?:\A|\s)([A-Za-z_][\w.]{0,63})=("[^"]*"|'[^']*'|[^\s"']\S*)/
    ERROR_LEVELS = ["ERROR", "CRITICAL", "FATAL"].freeze

    def initialize(context)
      @context = context
      @started = {} # name and time, by id
    end

    # An event and its fields as structlog's console shows them: its run, true for a start, nil for anything else.
    def read_console(line)
      event = line.text[EVENT, 1]
      return unless event == STARTED || ENDS.key?(event)

      pairs = line.text.scan(FIELD).to_h.transform_values { |value| value.gsub(/\A["']+|["']+\z/, "") }
      read(event, Fields.new(pairs), line)
    end

    # The same of an event of this name with the fields of *record*.
    def read(event, record, line)
      action = ENDS[event] || infer_action(event, record)
      return if action.nil? && event != STARTED

      timestamp, precision = @context.resolve(line.time)
      return start(record, timestamp) if action.nil?

      ended = make_end(record, line, timestamp, action)
      measure(ended, record, precision)
      blame(ended, record)
      ended
    end

    private

    # Note that a task has started.
    def start(record, timestamp)
      job = record.text("id")
      return true if job.nil?

      @started[job] = [record.text("task"), timestamp]
      @started.shift if @started.size > MOST_JOBS
      true
    end

    def make_end(record, line, timestamp, action)
      name, begun = @started.delete(record.text("id").to_s)
      @context.make_end(
        line, timestamp:, task: record.text("task") || name, start: begun, id: record.text("id"),
              outcome: action == "finished" ? "success" : "failure", action:, system: "celery"
      )
    end

    # How a run ended of which only fields tell: a task with its run time, or an exception without words.
    def infer_action(event, record)
      return if !event.empty? || record.find("task").nil? || record.find("id").nil?
      return "finished" if record.number("seconds")

      failed = ERROR_LEVELS.include?(record.text("level").to_s.upcase)
      "failed" if failed && record.find("error")
    end

    # The run time that is logged, else the one between the two events.
    def measure(ended, record, precision)
      seconds = record.number("seconds") || record.number("milliseconds")&.fdiv(1000)
      between = ended.start && ((ended.timestamp - ended.start) * 1000)
      if seconds
        ended.duration = Times.nanoseconds(seconds.to_s) || Unreadable.because("bad-duration")
      elsif between&.between?(0, MOST)
        ended.duration = between
        ended.margin = precision
      end
    end

    # The exception that the event of a failure names.
    def blame(ended, record)
      text = record.text("error") if ended.outcome == "failure"
      ended.message = Cause.shorten(text.rstrip.rpartition("\n")[2]) if text
    end
  end
end
