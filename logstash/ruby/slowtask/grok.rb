# GROK: compile the patterns of logstash/patterns to Ruby's regular expressions, as parse/grok.py does to Python's.
# A pattern of the files works in a grok filter too; here groups are counted, since a field may stand twice in one.
module Slowtask
  # The patterns of one folder.
  class Grok
    STANDARD = { "NOTSPACE" => '\S+' }.freeze # those that come with Logstash, as far as ours use them
    REFERENCE = /%\{(\w+)(?::([\w@\[\]]+))?\}/
    BESIDE = File.expand_path("../../patterns", __dir__)

    def initialize(folder = nil)
      @folder = folder || ENV.fetch("SLOWTASK_PATTERNS", BESIDE)
      names = Dir.children(@folder).grep_v(/\A\./).sort # Kubernetes mounts a ConfigMap with hidden folders
      @patterns = names.map { |name| read(name) }.inject(STANDARD, :merge)
      @tables = {}.compare_by_identity
    end

    # The patterns of the file *name*, in order.
    def read(name)
      lines = File.readlines(File.join(@folder, name), chomp: true, encoding: "UTF-8")
      lines.grep(/\A[^#\s]/).to_h { |line| line.split(" ", 2) }
    end

    # The regular expression of a pattern, and its fields in the order of its groups.
    def expand(name)
      fields = []
      [expanded("%{#{name}}", fields, []), fields]
    end

    # *table*, {key: [pattern, its fields]}, with each pattern compiled to match from a text's first character on.
    def table(table)
      @tables[table] ||= table.transform_values { |name, *fields| compile(name, fields, '\A') }
    end

    # Pattern *name* compiled. Formats take groups by their place, so its fields must be *fields*.
    def compile(name, fields = [], anchor = "")
      expression, found = expand(name)
      raise ArgumentError, "pattern #{name} has the fields #{found}, not #{fields}" unless found == fields

      Regexp.new("#{anchor}(?:#{expression})", Regexp::MULTILINE)
    end

    private

    def expanded(text, fields, inside)
      text.gsub(REFERENCE) do
        name = Regexp.last_match(1)
        field = Regexp.last_match(2)
        raise ArgumentError, "pattern #{name} contains itself" if inside.include?(name)

        fields << field if field
        "#{field ? "(" : "(?:"}#{expanded(@patterns.fetch(name), fields, [*inside, name])})"
      end
    end
  end
end
