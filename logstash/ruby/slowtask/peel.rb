# PEEL: a line in three layers: what carried it, its head, and the sentence of RQ or Celery within. Each is a table in
# logstash/patterns: wrappers, heads with times, and the sentences in slowtask.
require_relative "wrappers"

module Slowtask
  # What the head of a line says; the sentence begins at *stop*.
  Head = Struct.new(:stop, :time, :level, :process, :logger)

  # A line without its wrappers: what they say, or nil, and what they carried.
  Peeled = Struct.new(:envelope, :text, :head) do
    # Whether the text surely is a line of some program's log.
    def head?
      return false unless head

      !head.time.nil? || (!head.level.nil? && (head.level.match?(/\A[A-Z]+\z/) || text.start_with?("[")))
    end

    def with(text: self.text, head: self.head)
      Peeled.new(envelope, text, head)
    end
  end

  # Takes lines apart.
  class Peeler
    TIME = "[@metadata][time]".freeze
    FIELDS = [TIME, "[log][level]", "[@metadata][process]", "[log][logger]"].freeze
    LONGEST_HEAD = 512 # characters of a line in which its head ends
    MOST_WORDS = 6 # between a head that is known and the sentence
    SEARCHED = 8192 # characters of a line that are searched for a sentence

    def initialize(grok)
      @wrappers = Wrappers.new(grok)
      @head = grok.compile("HEAD", FIELDS, '\A')
      @loose = grok.compile("HEAD_LOOSE", [TIME, *FIELDS], '\A')
      @sentence = grok.compile("SENTENCE")
      @date = grok.compile("TIME_ISO")
    end

    def peel(line)
      envelope, text = @wrappers.unwrap(line) || [nil, line]
      Peeled.new(envelope, text, head(text))
    end

    # The head of *line*, if it begins with one.
    def head(line)
      found = @head.match(line.length > LONGEST_HEAD ? line[0, LONGEST_HEAD] : line)
      return unless found

      time, *others = found.captures
      time = line[0, found.begin(1)][@date] || time if time && time[2] == ":" # of two clocks the one with a date
      Head.new(found[0].length, time, *others)
    end

    # Whether *text* has the words of a sentence that tells of a run.
    def may_tell?(text)
      return @sentence.match?(text) if text.length <= SEARCHED

      @sentence.match?(text[0, SEARCHED]) || @sentence.match?(text[-SEARCHED..])
    end

    # The line in *peeled* that tells of a run, if another stands before it without a line end.
    def second(peeled)
      text = peeled.text[0, SEARCHED]
      told = text =~ @sentence
      return unless told

      heads = []
      text.scan(@date) { heads << Regexp.last_match.begin(0) }
      at = heads.select { |each| each > peeled.head.stop && each < told }.last
      at && peeled.text[at..]
    end

    # Yields where the sentence of *text* may begin, and the head before it; the likeliest place first, and the others
    # if it *tells* of a run.
    def each_sentence(text, head, tells)
      known = head || Head.new(0)
      yield known.stop, known
      return unless tells

      if known.time.nil? && (loose = loose(text))
        known = loose
        yield known.stop, known
      end
      each_word(text, known.stop) { |at| yield at, known }
    end

    private

    # The head of *line*, if its time stands behind other text near its beginning.
    def loose(line)
      found = @loose.match(line.length > LONGEST_HEAD ? line[0, LONGEST_HEAD] : line)
      return unless found

      first, second, *others = found.captures
      Head.new(found[0].length, second || first, *others)
    end

    def each_word(text, from)
      MOST_WORDS.times do
        found = /\s+(?=\S)/.match(text, from)
        return unless found

        yield from = found.end(0)
      end
    end
  end
end
