# TOLD: notice a run that a log tells twice, since two handlers of its logger write to it.
require_relative "items"

module Slowtask
  # What is kept of an end, to compare others with.
  Telling = Struct.new(:timestamp, :precision, :offset, :action, :duration) do
    def self.of(ended)
      new(ended.timestamp, ended.precision, ended.offset, ended.action, ended.duration)
    end

    # Whether *later*, near enough, tells of the same end.
    def same?(later)
      duration == later.duration && action == later.action && near?(later) && agree?(later)
    end

    # Whether a second handler may have written *later*.
    def near?(later)
      later.offset - offset <= Told::DISTANCE
    end

    # Whether the times of two lines may be one: nearly equal, or equal as far as one of them is exact.
    def agree?(other)
      return (timestamp - other.timestamp).abs <= Told::LAG if [precision, other.precision].max < SECOND

      timestamp / Told::WHOLE_SECOND == other.timestamp / Told::WHOLE_SECOND
    end
  end

  # The latest ends of one log, by the ids of their tasks or whatever else names a run.
  class Told
    DISTANCE = 32 * 1024 # bytes of the log within which a run is told again; the second telling follows closely
    MOST_REMEMBERED = 1024 # ends; so many lines don't fit into that distance
    WHOLE_SECOND = 1_000_000 # µs
    DELAY = 2 * WHOLE_SECOND # µs from the line with a success's run time to the one without
    LAG = 20_000 # µs by which a second handler is later than the first

    def initialize
      @ends = {}
    end

    # Whether *run* was told shortly before with the same end; remember it anyway. A task that is delivered twice ends
    # at two times, and so is two runs.
    def repeats?(run, ended)
      before = @ends[run]
      remember(run, ended)
      !before.nil? && before.same?(@ends[run])
    end

    # Whether *run*, which says all of its end, was told shortly before; remember it anyway.
    def has?(run, ended)
      before = @ends[run]
      remember(run, ended)
      !before.nil? && before.near?(@ends[run])
    end

    def remember(run, ended)
      @ends.delete(run)
      @ends[run] = Telling.of(ended)
      @ends.shift if @ends.size > MOST_REMEMBERED
    end

    # Whether *run* was told shortly before: a success in other words, or the same end.
    def knows?(run, ended)
      before = @ends[run]
      later = Telling.of(ended)
      return false if before.nil? || !before.near?(later) || before.action != later.action
      return (later.timestamp - before.timestamp).abs <= DELAY if later.action == "finished"

      before.agree?(later)
    end
  end
end
