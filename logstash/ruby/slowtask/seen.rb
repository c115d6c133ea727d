# SEEN: know lines that are sent again. Filebeat and Kafka deliver at least once: who doesn't learn that lines have
# arrived sends them again. A line that tells of its run alone would be stored once, by its id. But a run of several
# lines is put together in the order of its log, and from lines that go back it would be put together wrongly.
module Slowtask
  # The latest lines of all logs. Each went on when it came, so dropping it now loses nothing: if Logstash ends before
  # it is stored, this memory ends as well.
  class Seen
    MOST = 65_536 # more than what several Filebeats have under way

    def initialize
      @texts = {} # by the machine, the file and the place in it
    end

    # Whether the line that *stands* at a place came before, with the same *text*: in a file that was cut off
    # another line may stand there. False where its place is unknown.
    def again?(stands, text)
      return false if stands.nil?

      text = text.hash
      return true if @texts[stands] == text

      @texts.delete(stands)
      @texts[stands] = text
      @texts.shift if @texts.size > MOST
      false
    end
  end
end
