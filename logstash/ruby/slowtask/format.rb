# FORMAT: what a log format offers the reader, and what the formats of one log share.
require_relative "items"
require_relative "moments"

module Slowtask
  # A line whose sentence has been found behind its wrappers and its head: *whole*, and *text* from the sentence on;
  # *at*, where its line stands; and what its head says.
  Line = Struct.new(:whole, :text, :at, :time, :process, :logger) do
    # How many characters stand before the sentence.
    def start
      whole.length - text.length
    end
  end

  # What the reader of one log hands to each of its formats.
  class Context
    MINUTE_LENGTH = 16 # of `2026-11-23T18:47`

    attr_reader :grok, :peeler, :zone, :out, :told, :jobs
    attr_accessor :place, # where the lines that are read stand
                  :raw, # the line that is read, as it was written
                  :envelope, # what its wrappers say
                  :stream, # the name of its stream
                  :dated # the time of the latest line that has a date, until a line without one comes

    # *settings*: :grok, :peeler, :zone of times that don't name one, :day of the first line without a date.
    def initialize(settings)
      @grok = settings[:grok]
      @peeler = settings[:peeler]
      @zone = settings[:zone]
      @first_day = settings[:day]
      @out = []
      @told = Told.new
      @jobs = Jobs.new(method(:emit), @told)
    end

    # Read *text* as if it were the line that was written.
    def as(text)
      before = @raw
      @raw = text
      yield
    ensure
      @raw = before
    end

    def emit(run)
      @out << run.item
    end

    # Hand on what a line of JSON is.
    def emit_record(found, at)
      @out << found.merge("place" => @place, "at" => at, "text" => @raw)
    end

    # The end of an attempt of which *line* tells.
    def make_end(line, **known)
      End.new(
        place: @place, at: line.at, text: @raw, stream: @stream, host: @envelope&.host, labels: @envelope&.labels,
        **known
      )
    end

    # The date of the next line without one, whose clock shows *seconds* of the day: without a setting it is that on
    # which the line was read, or the day before if its time is still to come.
    def date_of(seconds)
      return read_day(seconds) unless @first_day

      anchor if @dated
      (@tracker ||= DateTracker.new(@first_day)).date(seconds)
    end

    # When a line was logged (µs since the epoch), and how exact that is (ns). *text* is the time of its head, which
    # the time of its wrappers completes.
    def resolve(text)
      carried = @envelope&.time
      return join(Moments.parse(text), Moments.parse(carried)) if text && carried
      return stamp(complete(Moments.parse(text || carried))) if text || carried

      Unreadable.because("no-time")
    rescue NoSuchTime
      Unreadable.because("bad-time")
    end

    # What the time of a line may depend on besides its clock: the minute of its carrier, or when it was read.
    def carried
      @envelope&.time ? @envelope.time[0, MINUTE_LENGTH] : @place["read"]
    end

    # When a line without a carrier was logged, whose clock shows *text*: 18:47:58.
    def today(text)
      seconds = (text[0, 2].to_i * 3600) + (text[3, 2].to_i * 60) + text[6, 2].to_i
      Times.utc((date_of(seconds).toEpochDay * Moments::DAY) + (seconds * 1_000_000), @zone)
    end

    private

    # The moment that two clocks show.
    def join(inner, outer)
      inner, outer = [inner, outer].map { |each| complete(each) } unless inner.day && inner.year
      joined = Moments.join(inner, outer, @zone)
      joined ? [joined, inner.precision] : stamp(inner)
    end

    # The moment that a single clock shows, whose date may have to be guessed.
    def stamp(moment)
      if moment.day.nil?
        moment = moment.on(date_of(moment.clock / 1_000_000))
      elsif moment.year
        @tracker = DateTracker.new(moment.day, moment.clock / 1_000_000)
      end
      [Moments.stamp(moment, @zone), moment.precision]
    end

    # *moment* with its year, if it has none: the latest that isn't after the log's own date.
    def complete(moment)
      return moment if moment.year || moment.day.nil?

      last = (@first_day ? @tracker&.day || @first_day : read_day(0)).plusDays(1)
      day = in_year(moment.day, last.getYear)
      moment.on(day.isAfter(last) ? in_year(day, last.getYear - 1) : day)
    end

    def in_year(day, year)
      Times.date(year, day.getMonthValue, day.getDayOfMonth)
    end

    # Today, or yesterday where that is still to come.
    def read_day(seconds)
      now = java.time.Instant.ofEpochSecond(@place["read"].to_i).atZone(@zone)
      seconds > now.toLocalTime.toSecondOfDay + 60 ? now.toLocalDate.minusDays(1) : now.toLocalDate
    end

    # Take the date from a line of the log that has one.
    def anchor
      moment = Moments.parse(@dated)
      @tracker = DateTracker.new(moment.day, moment.clock / 1_000_000) if moment.day && moment.year
    rescue NoSuchTime
      nil
    ensure
      @dated = nil
    end
  end

  # The lines of one kind of log. A format has FIRST, the characters that its lines begin with.
  class Format
    LONGEST = 64 * 1024 # bytes; no longer line reaches a pattern
    COLOUR = /\e\[[0-9;]*m/

    def initialize(context)
      @context = context
      @is = context.grok.table(self.class::PATTERNS)
    end

    # Hand on what *line*, which stands at *at*, tells; gives a failure, to be completed with the traceback below it.
    # Throws Unreadable for a line that can't be used, or isn't of this format.
    def read(_line, _at)
      Unreadable.because("unknown-format")
    end

    # Do the same with a line whose head is of another form, or that has wrappers around it.
    def read_sentence(_line)
      Unreadable.because("unknown-format")
    end

    # Whether *line*, which begins with one of FIRST, is of this format.
    def recognizes?(_line)
      true
    end

    def longest
      LONGEST
    end

    # Whether any of its lines may go on in lines of no format.
    def multiline?
      false
    end

    # Whether runs are lost after such a line.
    def loss?(_line)
      false
    end

    # Whether all that *line* tells is more about *failure*, the one before it, which is then changed.
    def amends?(_line, _failure)
      false
    end

    # Whether *line* says that *failure*, the one before it, didn't happen.
    def withdraws?(_line, _failure)
      false
    end

    # Hand on a failure of this format, once its traceback has been read.
    def complete(failure)
      @context.emit(failure)
    end

    private

    def duration(seconds)
      Times.nanoseconds(seconds) || Unreadable.because("bad-duration")
    end
  end
end
