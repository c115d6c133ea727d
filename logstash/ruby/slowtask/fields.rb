# FIELDS: where JSON logs have what a run is read from. The names are in fields.json, which the parser reads too.
require "json"

module Slowtask
  # The fields of one JSON line, by what they mean.
  class Fields
    NAMES = JSON.parse(File.read(File.join(__dir__, "fields.json"), encoding: "UTF-8")).freeze
    DEPTH = 4 # of nested objects

    def initialize(content)
      @content = content
    end

    # The first value of *kind* that isn't empty; nil if there is none.
    def find(kind)
      NAMES[kind].each do |name|
        value = @content[name]
        value = descend(name) if value.nil? && name.include?(".")
        next if value.nil? || value == "" || value == true || value == false

        return value.is_a?(Array) ? bytes(value) : value
      end
      nil
    end

    # The same as text; nil unless it is text or a number.
    def text(kind)
      value = find(kind)
      value.is_a?(String) || value.is_a?(Numeric) ? value.to_s : nil
    end

    # The same as a number; nil unless it is one.
    def number(kind)
      value = find(kind)
      value.is_a?(Numeric) ? value.to_f : nil
    end

    private

    def descend(name)
      name.split(".").first(DEPTH).inject(@content) { |content, each| content.is_a?(Hash) ? content[each] : nil }
    end

    # The text that journald writes as a list of bytes, if *value* is one.
    def bytes(value)
      return value unless value.all? { |each| each.is_a?(Integer) && each.between?(0, 255) }

      value.pack("C*").force_encoding("UTF-8").scrub
    end
  end
end
