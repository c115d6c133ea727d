# LOGS: what is known of each log: RQ tells of a run in several lines, Celery of a task that is terminated.
module Slowtask
  MOST_JOBS = 10_000 # of a log
  MOST_LOGS = 1_000

  # The readers of the logs by their sources; that which was silent longest is forgotten.
  class Logs
    # The block makes a reader.
    def initialize(&make)
      @make = make
      @readers = {}
    end

    def [](source)
      @readers.shift if @readers.size > MOST_LOGS
      @readers[source] = @readers.delete(source) || @make.call
    end
  end
end
