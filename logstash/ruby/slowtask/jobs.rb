# JOBS: pair the lines that tell of a run's start, its run time and its end. RQ 1 logs start and end with the job's id,
# in whole seconds. RQ 2 and later add a line with the exact run time and the worker, but without the id.
require_relative "told"

module Slowtask
  # A worker took a job from its queue. Where it isn't *sure*, a line of a job's own may look so: only its id tells.
  Start = Struct.new(
    :id, :timestamp, :precision, :queue, :worker, :task, :call, :stream, :sure, :number, keyword_init: true
  )

  # Pairs the starts and ends of one log. *emit* gets each finished end.
  class Jobs
    MOST_COMPARED = 1000 # starts of one worker, latest first
    ELLIPSIS = "...".freeze # where RQ cut a description
    UNTOLD = ["retried", "abandoned"].freeze # tell of no run of their own where its start isn't known

    def initialize(emit, told)
      @emit = emit
      @told = told
      @number = 0 # of the latest start
      @pending = {} # by id
      @running = {} # by worker, latest last
      @expected = {} # jobs that are reported with their run time and whose "Job OK" is still to come
      @unsettled = {} # workers whose success was sent without a start; "Job OK" tells nothing new
    end

    # Note that a job began.
    def record_start(start)
      before = @pending[start.id]
      if before
        @doubled ||= start.timestamp / Told::WHOLE_SECOND == before.timestamp / Told::WHOLE_SECOND
        remove(before)
      end
      start.number = @number += 1
      @pending[start.id] = start
      (@running[start.worker || start.stream] ||= []) << start
      remove(@pending.first[1]) if @pending.size > MOST_JOBS
    end

    # Take a success with run time and worker, and mostly without the job's id. It is sent at once: "Job OK" would
    # give it an id, but may come late or never.
    def record_success(ended)
      return if repeated?(ended)

      start = ended.id ? @pending[ended.id] : find_start(ended, ended.call)
      if start
        remove(start)
        keep(@expected, start.id)
      else
        keep(@unsettled, ended.worker)
      end
      finish(ended, start)
    end

    # Whether the "Job OK" of *job* tells nothing new; true only once.
    def drop_expected_ok?(job)
      !@expected.delete(job).nil?
    end

    # Take a "Job OK": a success with the job's id, without run time.
    def record_ok(ended)
      return if drop_expected_ok?(ended.id)

      start = @pending[ended.id]
      return if start.nil? && (@told.knows?(ended.id, ended) || settle?(ended.worker))

      remove(start) if start
      finish(ended, start)
    end

    # Take the end of a job that failed, was killed, stopped or put back.
    def record_failure(ended)
      return if repeated?(ended)

      start = ended.id ? @pending[ended.id] : find_start(ended, nil)
      if start.nil?
        return if ended.id && @told.knows?(ended.id, ended)
        return if ended.task.nil? && UNTOLD.include?(ended.action)
      end
      remove(start) if start
      finish(ended, start)
    end

    # Note the name of a job whose start didn't tell it.
    def record_name(job, task)
      start = @pending[job]
      start.task ||= task if start
    end

    # Whether a job has started in *stream* and not yet ended, as far as its worker isn't named.
    def started?(stream)
      @running.key?(stream)
    end

    private

    def keep(known, name)
      known[name] = true
      known.shift if known.size > MOST_JOBS
    end

    def settle?(worker)
      !@unsettled.delete(worker || @unsettled.keys.last).nil?
    end

    # Whether *ended*, which has no id, is the second telling of one, in a log that tells all twice.
    def repeated?(ended)
      return false if ended.id || !@doubled

      second = ended.timestamp / Told::WHOLE_SECOND
      @told.has?([ended.worker || ended.stream, ended.action, ended.call, ended.duration, second], ended)
    end

    # The start of an end without id: a worker runs one job at a time.
    def find_start(ended, call)
      return find_latest(@running[ended.worker], call) if @running.size == 1 && @running.key?(ended.worker)

      named = ended.worker && find_latest(@running[ended.worker], call)
      bare = find_latest(@running[ended.stream], call)
      [named, bare].compact.max_by(&:number)
    end

    # The latest of *starts* whose call is *call*, as far as both are known.
    def find_latest(starts, call)
      starts&.reverse_each&.first(MOST_COMPARED)&.find do |start|
        call.nil? ? start.sure : start.call.nil? || same_call?(start.call, call)
      end
    end

    # Whether two descriptions are of one job; RQ shortens that of the start.
    def same_call?(start, ended)
      start == ended || (start.include?(ELLIPSIS) && ended.start_with?(start.partition(ELLIPSIS)[0]))
    end

    # Forget *start*: its end was found.
    def remove(start)
      @pending.delete(start.id)
      worker = start.worker || start.stream
      starts = @running[worker]
      starts.delete_at(starts.rindex { |each| each.equal?(start) })
      @running.delete(worker) if starts.empty?
    end

    # Emit *ended*, completed by its *start*.
    def finish(ended, start)
      complete(ended, start) if start
      @told.remember(ended.id, ended) if ended.id
      @emit.call(ended)
    end

    # A run time between two whole seconds is exact to ± 1 s. It stays unknown if it is longer than a run can be:
    # then one of the two times is wrong.
    def complete(ended, start)
      ended.id = start.id
      ended.queue = start.queue
      ended.start = start.timestamp
      ended.task ||= start.task
      ended.worker ||= start.worker
      took = [0, ended.timestamp - start.timestamp].max * 1000
      return if ended.duration || took > MOST

      ended.duration = took
      ended.margin = [start.precision, ended.precision].max
    end
  end
end
