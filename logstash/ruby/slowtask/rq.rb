# RQ: the stock lines of RQ's workers, 0.5 to 3.0. One run takes several lines, paired by Jobs.
require_relative "format"
require_relative "jobs"

module Slowtask
  # Lines of RQ's workers, which give only the time of day, so their order in the file counts.
  class RqFormat < Format
    FIRST = "012".freeze
    WORKER = "[worker][name]".freeze
    QUEUE = "[queue][name]".freeze
    CALL = "[@metadata][call]".freeze
    NAME = "[task][name]".freeze
    ID = "[task][id]".freeze
    STATUS = ["[@metadata][status]", "[@metadata][signal]"].freeze
    TOOK = ["days", "hours", "minutes", "seconds"].map { |unit| "[@metadata][#{unit}]" }.freeze
    PATTERNS = {
      start: ["RQ_START", WORKER, QUEUE, CALL, NAME, ID],
      start_own: ["RQ_START_OWN", WORKER, QUEUE, CALL, ID],
      start_bare: ["RQ_START_BARE", WORKER, QUEUE, ID],
      done: ["RQ_DONE", CALL, NAME, *TOOK, WORKER],
      done_own: ["RQ_DONE_OWN", CALL, *TOOK, WORKER],
      done_bare: ["RQ_DONE_BARE", ID, *TOOK, WORKER],
      ok: ["RQ_OK", WORKER, QUEUE, ID],
      ok_bare: ["RQ_OK_BARE", QUEUE],
      traceback: ["RQ_TRACEBACK"],
      moved: ["RQ_MOVED"],
      named: ["RQ_NAMED", NAME, ID],
      torn: ["RQ_TORN", WORKER, QUEUE, NAME],
      uuid: ["SLOWTASK_UUID"],
      chatter: ["RQ_CHATTER"],
      raised: ["RQ_RAISED", ID, NAME],
      raised_by: ["RQ_RAISED_BY", WORKER, ID, NAME],
      killed: ["RQ_KILLED", *STATUS],
      killed_by: ["RQ_KILLED_BY", WORKER, ID, *STATUS],
      stopped: ["RQ_STOPPED"],
      stopped_by: ["RQ_STOPPED_BY", WORKER, ID],
      retry: ["RQ_RETRY", WORKER, ID],
      spent: ["RQ_SPENT", WORKER, ID],
      abandoned: ["RQ_ABANDONED", ID]
    }.freeze
    RETRY_WORDS = " for retry".freeze
    CLOCK = /(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d (?![AaPp][Mm]\b)/
    AT_CLOCK = /\A#{CLOCK}/
    CLOCK_LENGTH = 9 # with the space behind it
    DONE = "Successfully completed ".freeze
    CARRIED = /\A[A-Za-z0-9_.@-]+ *\|/ # behind a clock
    JOB_OK = ": Job OK (".freeze
    # A second line behind the first, which two processes wrote at once.
    SECOND_LINE = /#{CLOCK}(?:Worker \S+: )?(?:Successfully completed |\S+: Job OK \(|\S+: [\w.]+\()/

    def initialize(context)
      super
      @jobs = context.jobs
      @peeler = context.peeler
      @retry = context.grok.compile("RQ_RETRY", [WORKER, ID])
      @clock = "-" # of the line before, with the space after it
    end

    def read(line, at)
      unless line.start_with?(@clock) && @carried == @context.carried
        Unreadable.because("unknown-format") unless line.match?(AT_CLOCK)
        tick(line[0, CLOCK_LENGTH])
      end
      Unreadable.because("unknown-format") if line.match?(COLOUR) # the reader takes the colours off
      return if line.end_with?(" seconds") && line.include?("esult is kept for ")

      line = Line.new(line, line[CLOCK_LENGTH..], at)
      return read_with_id(line) if line.text.end_with?(")")

      line.text.start_with?(DONE) ? read_done(line) : read_rare(line)
    end

    def read_sentence(line)
      @clock = "-"
      timed = catch(:unreadable) { @context.resolve(line.time) }
      throw :unreadable, timed if timed.is_a?(Unreadable) && timed.reason != "no-time"
      @now, @precision = timed.is_a?(Unreadable) ? nil : timed
      @strict = line.logger.nil? || !line.logger.start_with?("rq") # any program may have written the line
      line.text.start_with?(DONE) ? read_done(line) : read_with_id(line)
    ensure
      @strict = false
    end

    def recognizes?(line)
      line.match?(AT_CLOCK)
    end

    # Whether *line* says that the job of *failure* will be tried again. What killed it says more.
    def amends?(line, failure)
      found = line.include?(RETRY_WORDS) && @retry.match(line.gsub(COLOUR, ""))
      return false unless found && failure.id == found[2]

      catch(:unreadable) { tick(line[0, CLOCK_LENGTH]) } if line.match?(AT_CLOCK)
      failure.action = "retried" if failure.action == "failed"
      true
    end

    # Pair *failure* with its start.
    def complete(failure)
      @jobs.record_failure(failure)
    end

    private

    # Work out the time once for all lines of a second.
    def tick(text)
      @clock = "-"
      @precision = SECOND
      @now = @context.envelope&.time ? @context.resolve(text[0, 8])[0] : @context.today(text)
      @clock = text
      @carried = @context.carried
    end

    # A success with its exact run time.
    def read_done(line)
      job = call = task = nil
      if (found = @is[:done].match(line.text)) then call, task, *spent, worker = found.captures
      elsif (found = @is[:done_bare].match(line.text)) then job, *spent, worker = found.captures
      elsif (found = @is[:done_own].match(line.text)) then call, *spent, worker = found.captures
      else
        broken(line)
      end
      ended = make_end(line, job, worker, "finished", outcome: "success", task:, call:)
      ended.duration = whole_duration(spent)
      @jobs.record_success(ended)
      nil
    end

    # A line that ends with a job's id: it started, it ended well, or something rarer.
    def read_with_id(line)
      at = line.text.index(JOB_OK)
      return if at && @jobs.drop_expected_ok?(line.text[(at + JOB_OK.length)...-1])

      ok = at && @is[:ok].match(line.text)
      return read_ok(line, *ok.captures) if ok

      broken(line) if at && line.text.match?(SECOND_LINE)
      start = @is[:start].match(line.text)
      start ? read_start(*start.captures) : read_rare(line)
    end

    # A line is cut short, or two are in one, unless the clock is that of what carried it.
    def broken(line)
      Unreadable.because("unknown-format") if line.text.match?(CARRIED)

      second = line.text.index(SECOND_LINE)
      Unreadable.because("malformed", rest: second && line.text[second..])
    end

    def read_ok(line, worker, queue, job)
      @jobs.record_ok(make_end(line, job, worker, "finished", outcome: "success", queue:))
      nil
    end

    # The start of a job; without a time, its end will be reported.
    def read_start(worker, queue, call, task, job, sure: true)
      @failed = false
      return if @now.nil?

      start = Start.new(id: job, timestamp: @now, precision: @precision, queue:, worker:, task:, call:, sure:)
      start.stream = @context.stream
      @jobs.record_start(start)
      nil
    end

    def make_end(line, job, worker, action, outcome: "failure", **known)
      Unreadable.because("no-time") if @now.nil?
      @context.make_end(
        line, timestamp: @now, precision: @precision, id: job, worker:, action:, outcome:, system: "rq", **known
      )
    end

    # The ns of a `timedelta` printed as days, hours, minutes and seconds.
    def whole_duration(spent)
      days, hours, minutes, seconds = spent
      whole = (((((days.to_i * 24) + hours.to_i) * 60) + minutes.to_i) * 60 * SECOND) + duration(seconds)
      whole.between?(0, MOST) ? whole : Unreadable.because("bad-duration")
    end
  end
end

require_relative "rq_rare"
