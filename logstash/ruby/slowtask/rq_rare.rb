# RQ: the sentences that end a run without success, and those that are rare.
module Slowtask
  class RqFormat
    # Sentences that end a run without success: what to look for before the pattern is tried, it, the action.
    FAILURES = [
      ["exception raised", :raised, "failed"], ["exception raised", :raised_by, "failed"],
      ["terminated unexpectedly", :killed, "killed"], ["terminated unexpectedly", :killed_by, "killed"],
      ["stopped by user", :stopped, "stopped"], ["stopped by user", :stopped_by, "stopped"],
      [RETRY_WORDS, :retry, "retried"], ["exceeded maximum retry", :spent, "failed"],
      ["AbandonedJobError", :abandoned, "abandoned"]
    ].freeze
    UUID_LENGTHS = [32, 36].freeze

    private

    # Failures and rare starts; RQ's other lines are skipped.
    def read_rare(line)
      FAILURES.each do |words, name, action|
        found = line.whole.include?(words) && @is[name].match(line.text)
        return failure(line, PATTERNS[name].drop(1).zip(found.captures).to_h, action) if found
      end
      read_rarer(line)
    end

    # What names no job, or no task.
    def read_rarer(line)
      text = line.text
      if text.include?("Job OK") && text.match?(@is[:ok_bare]) then read_bare_ok(line)
      elsif text.match?(@is[:traceback]) && @jobs.started?(@context.stream) then read_traceback(line)
      elsif text.match?(@is[:moved]) then read_moved(line)
      elsif text.include?("job.func_name=") && (named = @is[:named].match(text)) then read_name(*named.captures)
      else
        read_rare_start(line)
      end
    end

    def read_traceback(line)
      @failed = true
      make_end(line, nil, nil, "failed")
    end

    def read_name(task, job)
      @jobs.record_name(job, task)
      nil
    end

    # A success of RQ 0.5 or older, which names no job: it is the one that started last.
    def read_bare_ok(line)
      @jobs.record_failure(make_end(line, nil, nil, "finished", outcome: "success"))
      nil
    end

    # That a job has failed, unless its traceback has told so.
    def read_moved(line)
      told = @failed
      @failed = false
      told || !@jobs.started?(@context.stream) ? nil : make_end(line, nil, nil, "failed")
    end

    # A start without the name of a task; RQ's other lines are skipped.
    def read_rare_start(line)
      Unreadable.because("unknown-format") if longer_head?(line)
      start = unnamed_start(line.text)
      sure = start && uuid?(start.last)
      return read_start(*start, sure:) if start && (sure || !@strict)
      return unless @strict || !line.text.match?(@is[:chatter])

      Unreadable.because(line.text.match?(@is[:torn]) ? "malformed" : "unknown-format")
    end

    # Worker, queue, call, no task, and job.
    def unnamed_start(text)
      if (own = @is[:start_own].match(text)) then own.captures.insert(3, nil)
      elsif (bare = @is[:start_bare].match(text)) then bare.captures.insert(2, nil, nil)
      end
    end

    # Whether the clock of *line* isn't all of its head.
    def longer_head?(line)
      return false unless line.start == CLOCK_LENGTH

      head = @peeler.head(line.whole)
      !head.nil? && head.stop > CLOCK_LENGTH
    end

    # Whether *job* is an id as RQ makes them.
    def uuid?(job)
      UUID_LENGTHS.include?(job.length) && job.match?(@is[:uuid])
    end

    # The end of a run that failed, with the *fields* that its line names.
    def failure(line, fields, action)
      ended = make_end(line, fields[ID], fields[WORKER], action)
      @failed = true
      ended.task = fields[NAME] unless fields[NAME].to_s.start_with?("<")
      ended.reason = exit_reason(*fields.values_at(*STATUS))
      ended
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
