"""Reach Elasticsearch and Kibana (`access`, `client`), set them up (`setup`, `kibana`), query (`store`)."""
