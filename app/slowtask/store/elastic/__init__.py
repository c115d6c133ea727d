"""Elasticsearch and Kibana: how to reach them (`access`, `client`), set them up (`setup`), ask them (`store`)."""
