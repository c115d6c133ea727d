# A script of the ruby filter's `path`, as Logstash runs it: its text is evaluated in an object of the plugin's
# own, so a `def` at its top is a method of that object alone, and @variables are the object's. `__dir__` and
# require_relative know where the file lies. Each `test` block gets an object of its own.
class Script
  # Where a script's text is evaluated.
  class Context
    def initialize(testing)
      @__testing__ = testing
    end

    def register(_params); end

    def logger
      self
    end

    ["debug", "info", "warn", "error", "fatal"].each { |level| define_method(level) { |*_said| nil } }

    def test(name, &block)
      @__testing__&.call(name, block)
    end
  end

  def initialize(path, params)
    @path, @params, @tests = path, params, []
    @text = File.read(path, encoding: "UTF-8")
    @context = loaded(->(name, block) { @tests << [name, block] })
    raise "#{path} defines no filter" unless @context.respond_to?(:filter, true)
  end

  def self.checked(results)
    raise "a script's filter must return an array" unless results.is_a?(Array)
    results.each { |each| raise "#{each.inspect} is no event" unless each.is_a?(LogStash::Event) }
  end

  def register
    @context.register(@params)
  end

  def execute(event)
    @context.filter(event)
  end

  # The name of each expectation of each test, and why it isn't met, or nil.
  def tested
    @tests.flat_map { |name, block| Test.new(name, loaded(nil), block).results }
  end

  private

  def loaded(testing)
    Context.new(testing).tap { |context| context.instance_eval(@text, @path, 1) }
  end

  # `test "…" do parameters { … } in_event { … } expect("…") { |events| … } end`
  class Test
    def initialize(name, context, block)
      @name, @context, @events, @expected = name, context, nil, []
      instance_eval(&block)
    end

    def parameters
      @context.register(yield)
    end

    def in_event
      given = yield
      @events = (given.is_a?(Hash) ? [given] : given).map { |each| LogStash::Event.new(each) }
    end
    alias in_events in_event

    def expect(name, &block)
      @expected << [name, block]
    end

    def results
      raise "#{@name}: no in_event" unless @events
      found = @events.flat_map { |event| Script.checked(@context.filter(event)) }
      @expected.map { |name, block| ["#{@name}: #{name}", verdict(block, found)] }
    end

    private

    def verdict(block, found)
      block.call(found) ? nil : "not so of #{found.map(&:whole)}"
    rescue StandardError, java.lang.Exception => error
      "#{error.class}: #{error.message}"
    end
  end
end
