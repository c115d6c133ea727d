# CAUSE: the last line of a traceback, which names the exception that ended an attempt.
module Slowtask
  # Follows the lines of a traceback, and keeps the exception that it ends with.
  class Cause
    START = "Traceback (most recent call last):".freeze
    EXCEPTION = /\A([A-Za-z_][\w.]*)(?:: (.*)|:?\s*)\z/m
    TIMEOUTS = /(?:JobTimeoutException|SoftTimeLimitExceeded|TimeLimitExceeded)\z/
    LONGEST = 1000 # characters of a message

    def read(line)
      indented = line.start_with?(" ", "\t")
      raised = @indented && !indented && EXCEPTION.match(line)
      if raised
        @error = raised[1]
        @message = Cause.shorten(raised[2])
      end
      @indented = indented
    end

    # Complete *run* with the exception of the traceback, if there was one.
    def apply(run)
      if @error
        run.error = @error
        run.message = @message
      end
      run.action = "timed-out" if run.action == "failed" && run.error.to_s.match?(TIMEOUTS)
    end

    # *message* as long as an event may have it; nil for nothing.
    def self.shorten(message)
      message.to_s.strip.empty? ? nil : message[0, LONGEST].strip
    end
  end
end
