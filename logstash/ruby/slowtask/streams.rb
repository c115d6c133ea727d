# STREAMS: the lines of each container or machine whose lines a log mixes. A traceback belongs to the failure before it
# in its own stream.
require_relative "cause"

module Slowtask
  # Where one stream of a log stands.
  class Stream
    LONGEST = 1024 * 1024 # bytes of a line that comes in parts

    attr_accessor :failure, # one whose traceback may follow
                  :inside, # lines of no format belong to the line before
                  :heads # its lines have heads, so a sentence without one is a task's output
    attr_reader :name, :owner, :cause

    def initialize(name)
      @name = name
      @cause = Cause.new
      @parts = {} # the beginning of a line whose end is still to come, by output
    end

    # Wait for the traceback of *failure*, which is of the format *owner*.
    def open(failure, owner)
      @failure = failure
      @owner = owner
      @cause = Cause.new
      @inside = true
    end

    # Hand on the open failure: it has no more lines.
    def close
      failure = @failure
      @failure = nil
      return unless failure

      @cause.apply(failure)
      @owner.complete(failure)
    end

    # Join the parts of a line, which come in one *output*; nil until the last has come.
    def join_part(text, output, goes_on)
      return text if !goes_on && @parts.empty?

      begun = @parts.delete(output) || ""
      text = begun.bytesize < LONGEST ? begun + text : begun
      return text unless goes_on

      @parts[output] = text
      nil
    end
  end

  # The streams of one log by name; the oldest is closed and forgotten.
  class Streams
    MOST_STREAMS = 1000

    def initialize
      @streams = {}
    end

    def [](name)
      @streams[name] ||= begin
        forget_oldest if @streams.size > MOST_STREAMS
        Stream.new(name)
      end
    end

    def forget_oldest
      name = @streams.each_key.find(&:itself)
      @streams.delete(name).close
    end

    # The lines that were sent together are over; what must wait for the next one is kept.
    def close
      @streams.each_value { |stream| stream.close unless stream.failure&.waits }
    end
  end
end
