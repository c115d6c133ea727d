# Times and durations as log lines have them: microseconds since the epoch, and whole nanoseconds.
require "bigdecimal"
require "java"

module Slowtask
  SECOND = 1_000_000_000 # ns
  MOST = 2**63 - 1

  # Conversions; each gives nil for what is no time or duration.
  module Times
    UTC = java.time.ZoneOffset::UTC
    YEARS = (-62_135_596_800..253_402_300_799) # 1 to 9999, in seconds
    JSON_TIME = /\A(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[-+]\d\d:?\d\d)\z/
    LOG_TIME = /\A(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[-+].*)?\z/

    module_function

    def iso(micro)
      Time.at(micro / 1_000_000, micro % 1_000_000).utc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
    end

    # A date and time that the calendar has, in a zone.
    def moment(parts, micro, zone)
      second = java.time.LocalDateTime.of(*parts.map(&:to_i)).atZone(zone).toEpochSecond
      second * 1_000_000 + micro if YEARS.cover?(second)
    rescue java.time.DateTimeException
      nil
    end

    # An offset as ISO 8601 writes it.
    def offset(text)
      return UTC if text.match?(/\A[Zz]\z/)

      java.time.ZoneOffset.of("#{text[0, 3]}:#{text[-2, 2]}")
    rescue java.time.DateTimeException
      nil
    end

    # A time of JSON, which must name its zone; rounded to microseconds.
    def zoned(text)
      found = JSON_TIME.match(text)
      zone = found && offset(found[8])
      return unless zone && found[1].to_i.positive?

      digits = found[7].to_s.ljust(7, "0")
      moment(found[1, 6], digits[0, 6].to_i + (digits[6].to_i >= 5 ? 1 : 0), zone)
    end

    # A time as Python logs it, in the zone that it names or else in *zone*.
    def stamp(text, zone)
      found = LOG_TIME.match(text)
      zone = offset(found[8]) if found[8]
      return unless zone && found[1].to_i.positive?

      moment(found[1, 6], found[7].to_s.ljust(6, "0")[0, 6].to_i, zone)
    end

    # Seconds as Python writes them, in ns, exact, rounded half up.
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

  # Dates for lines that tell only a time of day, as RQ's do.
  class Clock
    DAY_AFTER = 3600 # s; a clock that goes back by more has passed midnight
    DAY_BEFORE = 84_600 # s; two workers, just past midnight

    # *first_day* is that of each log's first line; nil: lines are of the day on which they were read.
    def initialize(zone, first_day)
      @zone = zone
      @first_day = first_day
    end

    # The time *clock* (18:47:58) of a line that was read at the second *read*.
    def moment(log, clock, read)
      parts = clock.split(":").map(&:to_i)
      at = parts[0] * 3600 + parts[1] * 60 + parts[2]
      day = @first_day ? follow(log, at) : recent(at, read)
      Times.moment([day.getYear, day.getMonthValue, day.getDayOfMonth, *parts], 0, @zone)
    end

    private

    # Today, or yesterday where that is still to come.
    def recent(at, read)
      now = java.time.Instant.ofEpochSecond(read).atZone(@zone)
      at > now.toLocalTime.toSecondOfDay + 60 ? now.toLocalDate.minusDays(1) : now.toLocalDate
    end

    def follow(log, at)
      log.day ||= @first_day
      return log.day.minusDays(1) if log.clock && at - log.clock > DAY_BEFORE

      log.day = log.day.plusDays(1) if log.clock && log.clock - at > DAY_AFTER
      log.clock = at
      log.day
    end
  end
end
