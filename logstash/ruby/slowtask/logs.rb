# What is known of each log: RQ tells of a run in several lines, Celery of a task that is terminated.
module Slowtask
  MOST_JOBS = 10_000 # of a log
  MOST_LOGS = 1_000

  # The open jobs of one log, and what else its later lines depend on.
  class Log
    attr_accessor :inside, # a traceback whose lines come one by one
                  :held, # Celery's "Terminating", until the next line says whether it could be
                  :day, :clock # of the line before
    attr_reader :pending, :told, :unsettled, :received, :revoked

    def initialize
      @pending = {} # RQ's jobs that have started, by id
      @told = {} # those whose success was told with its time: "Job OK" follows
      @unsettled = {} # the same for a success whose start isn't known, by worker
      @received = {} # the names of Celery's tasks, by id
      @revoked = {} # Celery's tasks that were, and whether that was recorded
    end

    # *known* gets one more; the oldest is forgotten.
    def remember(known, id, what)
      known[id] = what
      known.shift if known.size > MOST_JOBS
      nil
    end
  end

  # The logs by their sources; that which was silent longest is forgotten.
  class Logs
    def initialize
      @logs = {}
    end

    def [](source)
      @logs.shift if @logs.size > MOST_LOGS
      @logs[source] = @logs.delete(source) || Log.new
    end
  end
end
