# POOL: follow the processes of a Celery pool, to name the task of one that was killed. Celery logs that a process
# ended, not what it ran.
module Slowtask
  # What is known of the processes of one log. A task is its name and its id.
  class Pool
    MOST_PROCESSES = 10_000
    DELAY = 30_000_000 # µs from a time limit to the line that its process has ended

    attr_reader :ended # the id of the latest task that ended, by process

    def initialize
      @ended = {}
      @said = {} # the latest task that a process spoke of
      @expected = [] # when tasks were stopped whose processes end in consequence
      @reported = 0 # lost processes whose task has been named
    end

    # Note that *process*, by its name or number, runs *task*.
    def remember(process, task)
      @said[process] = task
      @said.shift if @said.size > MOST_PROCESSES
    end

    # Note that a process is killed for a reason that has been told.
    def expect_exit(timestamp)
      @expected << timestamp
    end

    # Whether the end of a process tells nothing new; true once for each that is expected.
    def expected?(timestamp)
      @expected.select! { |each| timestamp - each <= DELAY }
      !@expected.shift.nil?
    end

    # What the *process* of this *number* ran when it ended, if the log tells.
    def name_task(process, number)
      task = @said.delete(process) || @said.delete(number)
      return if task.nil? || @ended.value?(task[1])

      @reported += 1
      task
    end

    # Whether the task of the next lost process has been named; true once for each.
    def reported?
      return false if @reported.zero?

      @reported -= 1
      true
    end
  end
end
