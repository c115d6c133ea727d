# TIMES: times and durations as log lines have them: microseconds since the epoch, and whole nanoseconds.
require "bigdecimal"
require "java"
require_relative "items"

module Slowtask
  # A date or time that doesn't exist.
  class NoSuchTime < StandardError; end

  # Conversions. A zone is one of Java's, or seconds east of UTC.
  module Times
    YEARS = (-62_135_596_800..253_402_300_799) # 1 to 9999, in seconds
    JSON_TIME = /\A(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[-+]\d\d:?\d\d)\z/
    LOG_TIME = /\A(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[-+].*)?\z/
    OFFSET = /\A([-+])(\d\d):?([0-5]\d)\z/

    module_function

    def iso(micro)
      Time.at(micro / 1_000_000, micro % 1_000_000).utc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
    end

    def date(year, month, day)
      raise NoSuchTime if year < 1

      java.time.LocalDate.of(year, month, day)
    rescue java.time.DateTimeException
      raise NoSuchTime
    end

    # µs since midnight.
    def clock(hours, minutes, seconds)
      raise NoSuchTime if hours > 23 || minutes > 59 || seconds > 59

      ((hours * 3600) + (minutes * 60) + seconds) * 1_000_000
    end

    # µs since the epoch of a time that a clock in *zone* shows, told as if that were UTC.
    def utc(local, zone)
      micro = local - ((zone.is_a?(Integer) ? zone : shift(local, zone)) * 1_000_000)
      raise NoSuchTime unless YEARS.cover?(micro / 1_000_000)

      micro
    end

    # How many seconds one of Java's zones is east of UTC then.
    def shift(local, zone)
      shown = java.time.LocalDateTime.ofEpochSecond(local / 1_000_000, 0, java.time.ZoneOffset::UTC)
      (local / 1_000_000) - shown.atZone(zone).toEpochSecond
    end

    # The seconds east of UTC that a time names: Z, UTC, +0100; nil where it names none.
    def offset(text)
      return if text.nil?
      return 0 if text.match?(/\A(?:[Zz]|UTC|GMT)\z/)

      found = OFFSET.match(text)
      raise NoSuchTime unless found && found[2].to_i < 24

      seconds = (found[2].to_i * 3600) + (found[3].to_i * 60)
      found[1] == "-" ? -seconds : seconds
    end

    # A time of JSON, which must name its zone; rounded to microseconds; nil where there is none such.
    def zoned(text)
      found = JSON_TIME.match(text)
      return unless found

      digits = found[7].to_s.ljust(7, "0")
      whole(found.captures.first(6), digits[0, 6].to_i + (digits[6].to_i >= 5 ? 1 : 0), offset(found[8]))
    rescue NoSuchTime
      nil
    end

    # A time as Python logs it (SLOWTASK_TIME), in the zone that it names or else in *zone*.
    def stamp(text, zone)
      found = LOG_TIME.match(text)
      raise NoSuchTime, text unless found

      whole(found.captures.first(6), found[7].to_s.ljust(6, "0")[0, 6].to_i, offset(found[8]) || zone)
    end

    def whole(parts, micro, zone)
      year, month, day, *clock = parts.map(&:to_i)
      utc((date(year, month, day).toEpochDay * 86_400_000_000) + clock(*clock) + micro, zone)
    end

    # Seconds as Python writes them, in ns, exact, rounded half up; nil for what is no duration.
    def nanoseconds(text)
      return if text.length > 64

      mantissa, exponent = text.split(/[eE]/)
      return extreme(mantissa, exponent.to_i) if exponent.to_i.abs > 323

      number = BigDecimal(text.sub(/\A([-+]?)\./, '\10.').sub(/\.(?=\z|[eE])/, ""))
      return if number.negative? || number > MOST

      whole = (number * SECOND).round(0, BigDecimal::ROUND_HALF_UP).to_i
      whole if whole <= MOST
    end

    # What a float makes of a number with such an exponent: no duration, or 0.
    def extreme(mantissa, exponent)
      exponent.positive? && mantissa.match?(/[1-9]/) ? nil : 0
    end
  end

  # Follows the date of lines that give only a time of day: it moves on when the clock goes back.
  class DateTracker
    DROP = 3600 # s; a clock that goes back by more has passed midnight
    JUMP = 86_400 - 1800 # s; a clock that jumps ahead by more is a late line of yesterday

    attr_reader :day

    def initialize(day, last = nil)
      @day = day
      @last = last # seconds of the day of the latest line
    end

    # The date of the next line, whose clock shows *seconds*.
    def date(seconds)
      return @day.minusDays(1) if @last && seconds - @last > JUMP # two workers, just past midnight

      @day = @day.plusDays(1) if @last && @last - seconds > DROP
      @last = seconds
      @day
    end
  end
end
