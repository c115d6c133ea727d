"""The verifier of the dashboards: what can be known of saved objects without a Kibana.

`saved` reads the bundle; `structure` checks it by itself; `query` asks a real Elasticsearch what each panel
would ask, with `kql` for the filters; `events` are runs, samples and alerts for every panel to show.
"""
