"""Elasticsearch and Kibana: reach them (`access`, `client`), set them up (`setup`), ask them (`store`)."""
