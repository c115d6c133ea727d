# CELERY: the stock lines of Celery's workers, 3.0 to 5.7. Most runs are known by the line that ends them.
require_relative "format"
require_relative "pool"
require_relative "revoked"

module Slowtask
  # Lines of Celery's workers. What a task prints or raises goes on in lines without a head.
  class CeleryFormat < Format
    FIRST = "[".freeze
    TIME = "[@metadata][time]".freeze
    SECONDS = "[@metadata][seconds]".freeze
    TASK = ["[task][name]", "[task][id]"].freeze
    ERROR = ["[error][type]", "[error][message]"].freeze
    PATTERNS = {
      head: ["CELERY_HEAD", TIME, "[worker][name]"],
      done: ["CELERY_DONE", *TASK, SECONDS],
      raised: ["CELERY_RAISED", *TASK, *ERROR],
      retry: ["CELERY_RETRY", *TASK, *ERROR],
      left: ["CELERY_LEFT", *TASK],
      reject: ["CELERY_REJECT", *TASK, "[@metadata][requeue]"],
      cut: ["CELERY_CUT", *TASK],
      torn: ["CELERY_TORN", TASK[0]],
      timeout: ["CELERY_TIMEOUT", SECONDS, *TASK],
      lost: ["CELERY_LOST", ERROR[1]],
      exited: ["CELERY_EXITED", "[@metadata][child]", "[process][pid]", "[@metadata][exit]"],
      accepted: ["CELERY_ACCEPTED", *TASK, "[process][pid]"],
      unknown: ["CELERY_UNKNOWN", TASK[0]],
      said: ["CELERY_SAID", *TASK],
      terminated: ["CELERY_TERMINATED", TASK[1]],
      received: ["CELERY_RECEIVED", *TASK],
      flagged: ["CELERY_REVOKED", "[@metadata][ids]"],
      discarded: ["CELERY_DISCARDED", *TASK, "[@metadata][header]"],
      cold: ["CELERY_COLD"]
    }.freeze
    # How a sentence of the parent process begins, and what reads it.
    PARENT = {
      "Hard time limit (" => :timeout, "Task handler raised error: " => :lost, "Process " => :exited,
      "Received task: " => :received, "Got task from broker: " => :received,
      "Received unregistered task of type " => :unknown, "Terminating " => :terminated,
      "Tasks flagged as revoked: " => :flagged, "Discarding revoked task: " => :discarded,
      "Skipping revoked task: " => :discarded, "Task accepted: " => :accepted
    }.freeze
    # How a sentence about a task begins, which no line of another program does.
    ENDED = /\ATask [^\[]*\[[^\]]*(?:\] (?:raised|retry|ignored|reject|INTERNAL|cannot)|\z)/
    # A second line behind the first, unless a task's result quotes it.
    SECOND_LINE = %r{[^'"\\](\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: [A-Z]+/[^\]]+\] Task )}
    STOCK_LENGTH = 23 # of `2026-11-23 18:48:35,822`
    MILLISECOND = 1_000_000 # ns
    WORKER_LOST = "WorkerLostError".freeze

    def initialize(context)
      super
      @pool = Pool.new
      @revoked = RevokedTasks.new
    end

    def read(line, at)
      found = @is[:head].match(line) || Unreadable.because("unknown-format")
      sentence = found.post_match[1..].to_s
      if sentence.include?("] Task ") && (second = SECOND_LINE.match(sentence))
        Unreadable.because("malformed", rest: sentence[second.begin(1)..])
      end
      return receive(sentence) if sentence.end_with?("] received") && !sentence.include?("] Task ")

      read_known(Line.new(line, sentence, at, *found.captures))
    end

    def read_sentence(line)
      known = [@is[:done], @is[:received], ENDED].any? { |each| line.text.match?(each) }
      return read_known(line) if known || parent(line)

      remember_task(line)
      Unreadable.because("unknown-format")
    end

    def recognizes?(line)
      line.match?(/\A.\d{4}/) && line.match?(@is[:head])
    end

    def multiline?
      true
    end

    def loss?(line)
      line.match?(@is[:cold])
    end

    # Hand on *failure*; one that no line names is reported.
    def complete(failure)
      return super unless failure.task.nil? && failure.action == "killed"

      @context.out << failure.item.merge("bad" => "lost-process")
    end

    # Whether *line* says that the pool couldn't terminate the task of *failure*, which goes on. The end of a process
    # without a name is withdrawn, too, if *line* tells of it again and says more.
    def withdraws?(line, failure)
      return false unless failure.system == "celery"
      return line.include?(WORKER_LOST) if failure.action == "killed" && failure.task.nil?

      failure.action == "stopped" && line.include?(RevokedTasks::CANNOT_TERMINATE) && @revoked.undo?(failure.id)
    end

    private

    def read_known(line)
      done = @is[:done].match(line.text)
      return succeed(line, *done.captures) if done

      line.text.match?(@is[:received]) ? receive(line.text) : read_rare(line)
    end

    def receive(sentence)
      found = @is[:received].match(sentence)
      @revoked.receive(*found.captures) if found
      nil
    end

    # What isn't a success. Celery doesn't log how long such a task ran.
    def read_rare(line)
      ended = find_end(line)
      return if ended.nil? || (ended.outcome == "failure" && repeated?(ended))
      return ended if ended.outcome == "failure"

      @context.emit(ended)
      nil
    end

    # Whether *ended* has been told; lines without an id can't be compared.
    def repeated?(ended)
      ended.id && @context.told.repeats?(ended.id, ended)
    end

    # Emit the success that *line* tells of, unless it has been told.
    def succeed(line, task, job, seconds)
      ended = make_end(line, task, job, "finished", worker: line.process)
      ended.outcome = "success"
      ended.duration = duration(seconds)
      @context.emit(ended) unless repeated?(ended)
      nil
    end

    # When *line* was logged, in µs since the epoch.
    def stamp(line)
      stock = line.time&.length == STOCK_LENGTH && @context.envelope&.time.nil?
      return @context.resolve(line.time)[0] unless stock

      Times.stamp(line.time, @context.zone)
    rescue NoSuchTime # or one in another form
      @context.resolve(line.time)[0]
    end

    # Find the sentence of *line*, which doesn't tell of a success, and read it.
    def find_end(line)
      ended = line.text.start_with?("Task ") && read_ended(line)
      return ended if ended

      reader = parent(line)
      return parent_sentence(reader, line) if reader

      Unreadable.because("malformed") if line.text.match?(@is[:torn])

      remember_task(line)
      nil
    end

    # What reads the sentence of *line*, if a parent process says it.
    def parent(line)
      PARENT.each { |words, reader| return reader if line.text.start_with?(words) }
      nil
    end

    # Note of which task a process speaks, by the format of `worker_task_log_format` or one near it.
    def remember_task(line)
      found = line.process && @is[:said].match(line.text)
      @pool.remember(line.process, found.captures) if found
    end

    # An end without success. The parent of a process may log it, which is no worker.
    def make_end(line, task, job, action, timestamp: stamp(line), worker: nil)
      @pool.ended[worker] = job if worker && job
      precision = line.time.nil? || line.time.length < STOCK_LENGTH ? SECOND : MILLISECOND
      known = { timestamp:, precision:, task:, id: job, worker:, action: }
      @context.make_end(line, outcome: "failure", system: "celery", **known)
    end
  end
end

require_relative "celery_ends"
