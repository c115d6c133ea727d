"""Write the generated files of the Elastic Agent integration, `integration/slowtask/`: `make integration`.

    record/event.py, sample.py ┬→ fields     → data_stream/*/fields/*.yml
    elasticsearch/ (templates) ┘
    read.painless, the records  → pipelines  → data_stream/*/elasticsearch/ingest_pipeline/default.yml
    kibana/slowtask.ndjson      → assets     → kibana/*/*.json
    page.md, the fields         → page       → docs/README.md

What isn't listed is written by hand. The same source gives the same bytes. `make agent` puts all of
it into an archive: archive.
"""
