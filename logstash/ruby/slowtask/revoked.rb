# REVOKED: follow the tasks that Celery revokes: find their names, and count each end once. The line by which a task is
# terminated gives only its id; one that was terminated before it began is discarded later, by a second line.
module Slowtask
  # The revoked tasks of one log.
  class RevokedTasks
    CANNOT_TERMINATE = "pidbox command error: NotImplementedError(".freeze

    def initialize
      @names = {} # of the tasks that were received, by id
      @reported = {} # by id; false: flagged as revoked, but it may run already
    end

    def receive(name, job)
      remember(@names, job, name)
    end

    # Note tasks that won't run, unless they run already.
    def flag(ids)
      ids.split(", ").map(&:strip).each { |job| remember(@reported, job, @reported[job] || false) }
    end

    # Note that *job* was stopped and is reported; gives the name of its task, if it is known.
    def terminate(job)
      remember(@reported, job, true)
      @latest = job
      @names[job]
    end

    # Whether *job* was terminated last. If so, forget that: its pool can't terminate tasks.
    def undo?(job)
      return false if @latest.nil? || @latest != job

      @reported.delete(job)
      @latest = nil
      true
    end

    # Whether the end of the discarded *job* is reported already; nil if it wasn't revoked.
    def discard(job)
      @reported[job]
    end

    private

    def remember(known, job, value)
      known[job] = value
      known.shift if known.size > MOST_JOBS
    end
  end
end
