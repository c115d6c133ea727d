# MOMENTS: read a date, a time of day or both in the forms that programs log, and join what two clocks say. The forms
# are in patterns/times. A wrapper's time and that of the line within it show the same moment: one may have the date
# that the other lacks, or the zone.
require_relative "times"

module Slowtask
  # A time as a line shows it: *day* (nil: only a time of day), *clock* (µs since midnight), *zone* (seconds east of
  # UTC; nil: the line doesn't name one), *precision* (ns: the last digit that is shown), *year*: whether it has one.
  Moment = Struct.new(:day, :clock, :zone, :precision, :year) do
    def on(day)
      Moment.new(day, clock, zone, precision, true)
    end
  end

  # Reads and joins moments. Raises NoSuchTime for a time that doesn't exist.
  module Moments
    DAY = 86_400_000_000 # µs
    QUARTER = 900_000_000 # µs; zones differ by whole quarters of an hour
    DELAY = 120_000_000 # µs by which a carrier's time may differ from that of the line it carries
    MOST_ZONE = 14 * 3_600_000_000 # µs; no zone is further from UTC
    MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].freeze
    CLOCK = /(?<!\d)(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?([AaPp])[Mm]\b)?(?: ?(Z|UTC|GMT|[-+]\d\d:?\d\d))?/
    EPOCH = /\A(\d{10})(?:\.(\d{1,9})|(\d{3}))?\z/
    BIG_ENDIAN = %r{\A(\d{4})[-/.](\d\d)[-/.](\d\d)[ T_]}
    COMPACT = /\A(\d{4})(\d\d)(\d\d)[ T_]/
    LITTLE_ENDIAN = %r{\A(\d\d)[-/.](\d\d)[-/.](\d{4})}
    NAMED_MONTH = %r{(?:\A|[ /-])(#{MONTHS.join("|")})(?:[ /-]|\z)}
    LEAP_YEAR = 2000 # the year of a day without one

    module_function

    # Read what the pattern TIME_ANY matches.
    def parse(text)
      epoch = EPOCH.match(text)
      return since_epoch(*epoch.captures) if epoch

      found = CLOCK.match(text) || raise(NoSuchTime, text)
      hours, minutes, seconds, fraction, half, zone = found.captures
      hour = half ? hours.to_i % 12 : hours.to_i
      hour += 12 if half&.match?(/p/i)
      day, year = day(found.pre_match, found.post_match)
      moment(day, Times.clock(hour, minutes.to_i, seconds.to_i), fraction.to_s, Times.offset(zone), year)
    end

    # The µs since the epoch of *moment*, which has a date; *zone* is that of a moment without one.
    def stamp(moment, zone)
      local = (moment.day.toEpochDay * DAY) + moment.clock
      Times.utc(local, moment.zone || zone)
    end

    # The µs since the epoch that *inner* shows, helped by *outer*, when a program carried the line on. A date that
    # *inner* lacks is that of *outer*. If *outer* names its zone, the zone of *inner* is the one by which both agree.
    # nil if *outer* has no date to help with.
    def join(inner, outer, zone)
      return stamp(inner, zone) if inner.zone && inner.day
      return inner.day && stamp(inner, zone) unless outer.day

      inner.day ? with_zone(inner, outer, zone) : with_date(inner, outer, zone)
    end

    def since_epoch(seconds, fraction, thousandths)
      days, rest = seconds.to_i.divmod(86_400)
      moment(java.time.LocalDate.ofEpochDay(days), rest * 1_000_000, fraction || thousandths || "", 0, true)
    end

    def moment(day, second, digits, zone, year)
      micro = digits[0, 6].ljust(6, "0").to_i
      Moment.new(day, second + micro, zone, SECOND / (10**[digits.length, 6].min), year)
    end

    # The date around a time of day, and whether it has a year.
    def day(before, after)
      if (found = BIG_ENDIAN.match(before)) then [Times.date(*found.captures.map(&:to_i)), true]
      elsif (found = COMPACT.match(before)) then [either(*found.captures.map(&:to_i)), true]
      elsif (found = LITTLE_ENDIAN.match(before)) then [either(*found.captures.map(&:to_i).reverse), true]
      elsif (found = NAMED_MONTH.match(before)) then named(found[1], "#{before} #{after}".scan(/\d+/))
      else
        [nil, true]
      end
    end

    # The date of three numbers; if there is no such month, month and day are the other way round.
    def either(year, month, day)
      month <= 12 ? Times.date(year, month, day) : Times.date(year, day, month)
    end

    def named(month, numbers)
      year = numbers.find { |each| each.length == 4 }
      day = numbers.find { |each| each.length < 3 }
      [Times.date((year || LEAP_YEAR).to_i, MONTHS.index(month) + 1, day.to_i), !year.nil?]
    end

    # The moment of *inner*, which has a date, by the zone in which it agrees with *outer*.
    def with_zone(inner, outer, zone)
      return stamp(inner, zone) unless outer.zone && outer.year

      local = stamp(inner, 0)
      carried = stamp(outer, zone)
      shift = nearest_step(local - carried, QUARTER)
      agree = (local - carried - shift).abs <= DELAY && shift.abs <= MOST_ZONE
      agree ? local - shift : stamp(inner, zone)
    end

    # The moment of *inner*, a time of day, that is nearest to *outer*.
    def with_date(inner, outer, zone)
      carried = stamp(outer, zone)
      return carried + least(inner.clock - (carried % DAY), QUARTER) if outer.zone && inner.zone.nil? # its zone is any

      same = stamp(inner.on(outer.day), outer.zone || zone)
      carried + least(same - carried, DAY)
    end

    def nearest_step(number, step)
      (number + (step / 2)) / step * step
    end

    # *difference* less as many whole *step*s as bring it near 0.
    def least(difference, step)
      difference - nearest_step(difference, step)
    end
  end
end
