# DOCUMENT: an item becomes the document that is stored.
require "digest"
require "securerandom"
require_relative "times"

module Slowtask
  # Fills events; a place is where a line stands.
  module Document
    LONGEST = 8192 # characters of a line that can't be read

    module_function

    # *event* becomes the document of *item*, and keeps nothing of the input.
    def fill(event, item, place)
      record = item["run"] || unparsed(item, place)
      read = event.get("@timestamp")
      event.to_hash.each_key { |name| event.remove(name) unless name == "@timestamp" }
      event.remove("[@metadata][slowtask_read]")
      event.set("@timestamp", time(record["@timestamp"]) || read)
      identify(event, record["event.id"].to_s, item, place)
      fields(event, record)
    end

    def unparsed(item, place)
      {
        "event.dataset" => "slowtask.unparsed", "event.reason" => item["bad"],
        "event.original" => item["text"].to_s[0, LONGEST], "error.message" => item["detail"],
        "log.file.path" => place["path"], "host.name" => place["host"],
        "log.offset" => place["offset"] && (place["offset"] + item["at"])
      }
    end

    def time(value)
      value = Times.iso(value) if value.is_a?(Integer)
      value && LogStash::Timestamp.new(value)
    end

    # The id that the line brings, where Elasticsearch takes it for one; else one of where the line stands.
    def identify(event, given, item, place)
      given = id(item, place) unless given.bytesize.between?(1, 512)
      event.set("[event][id]", given)
      event.set("[@metadata][slowtask_id]", given)
    end

    def id(item, place)
      return SecureRandom.hex(16) unless place["stands"]

      Digest::SHA256.hexdigest("#{place["stands"]}+#{item["at"]}:#{item["text"]}")[0, 32]
    end

    def fields(event, record)
      record.each do |name, value|
        next if value.nil? || name == "@timestamp" || name == "event.id"

        value = Times.iso(value) if name == "event.start" && value.is_a?(Integer)
        event.set("[#{name.gsub(".", "][")}]", value)
      end
    end
  end
end
