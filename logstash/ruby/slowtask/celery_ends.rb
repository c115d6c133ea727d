# CELERY: the sentences of Celery that tell of an end without success.
module Slowtask
  class CeleryFormat
    private

    # A sentence that begins with the name of its task.
    def read_ended(line)
      [:raised, :retry, :left, :reject, :cut].each do |name|
        found = @is[name].match(line.text)
        return send("end_#{name}", line, *found.captures) if found
      end
      nil
    end

    def end_raised(line, task, job, error, message)
      soft = error.to_s.end_with?("SoftTimeLimitExceeded")
      blame(make_end(line, task, job, soft ? "timed-out" : "failed", worker: line.process), error, message)
    end

    def end_retry(line, task, job, error, message)
      blame(make_end(line, task, job, "retried", worker: line.process), error, message)
    end

    def end_left(line, task, job)
      unknown(make_end(line, task, job, "finished", worker: line.process))
    end

    def end_reject(line, task, job, requeue)
      ended = make_end(line, task, job, "retried", worker: line.process)
      requeue == "True" ? ended : unknown(ended)
    end

    def end_cut(line, task, job)
      make_end(line, task, job, "killed").tap { |ended| ended.reason = "cancelled by its worker" }
    end

    # *ended*, of a task whose line doesn't say how its work ended.
    def unknown(ended)
      ended.action = "finished"
      ended.outcome = "unknown"
      ended
    end

    # *ended* with the exception that its line shows. A lost process counts as killed, by a line of the parent.
    def blame(ended, error, message)
      ended.error = Cause.shorten(error)
      ended.message = Cause.shorten(message)
      return ended unless error.to_s.end_with?(WORKER_LOST)

      ended.action = "killed"
      ended.reason = death(ended.message)
      ended.worker = nil
      ended
    end

    # A sentence of the parent process.
    def parent_sentence(name, line)
      found = @is[name].match(line.text)
      found && send("parent_#{name}", line, *found.captures)
    end

    # A task reached its hard time limit, which Celery checks once a second.
    def parent_timeout(line, seconds, task, job)
      ended = make_end(line, task, job, "timed-out")
      ended.duration = duration(seconds)
      ended.margin = SECOND
      @pool.expect_exit(ended.timestamp)
      ended
    end

    # No line names the task of a lost process, unless a time limit was the cause.
    def parent_lost(_line, message)
      return if message.start_with?("TimeLimitExceeded(")
      return if message.include?(WORKER_LOST) && @pool.reported?

      Unreadable.because("no-task-name")
    end

    # A process of the pool has ended; what it ran is told by what it logged, if at all.
    def parent_exited(line, child, number, status)
      timestamp = stamp(line)
      return if @pool.expected?(timestamp)

      task = @pool.name_task(child, number)
      ended = make_end(line, *(task || [nil, nil]), "killed", timestamp:)
      ended.worker = child
      ended.reason = exit_status(status)
      ended.waits = task.nil? # the next line may say more
      ended
    end

    # Which process a task was given to.
    def parent_accepted(_line, task, job, number)
      @pool.remember(number, [task, job])
      nil
    end

    # A task that this worker doesn't know.
    def parent_unknown(line, task)
      make_end(line, task, nil, "failed")
    end

    # A task is stopped by command. The next line may say that the pool can't do that.
    def parent_terminated(line, job)
      ended = make_end(line, @revoked.terminate(job), job, "stopped")
      ended.waits = true
      @pool.expect_exit(ended.timestamp)
      ended
    end

    def parent_flagged(_line, ids)
      @revoked.flag(ids)
      nil
    end

    # A task was revoked or has expired before it ran: Celery's line is the same for both.
    def parent_discarded(line, task, job, header)
      reported = @revoked.discard(job)
      return if reported

      ended = make_end(line, task, job, "stopped")
      ended.reason = "revoked" if header || reported == false
      ended
    end

    # The end of a process in our words: `signal 9`, `exit status 3`.
    def exit_status(status)
      found = /\A(\S*) (\d+)(?: |\z)/.match(status)
      found && "#{found[1] == "signal" ? "signal" : "exit status"} #{found[2]}"
    end

    # The same, as a message says it.
    def death(text)
      found = /prematurely: (signal|exitcode) (\d+)/.match(text.to_s)
      found && "#{found[1] == "signal" ? "signal" : "exit status"} #{found[2].to_i}"
    end
  end
end
