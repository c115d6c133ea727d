"""The Logstash filter, run without Logstash."""
