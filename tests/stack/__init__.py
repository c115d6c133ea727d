"""The stack on a real Docker engine: `make test-stack`, `make test-logstash`."""
