"""Keep the figures of each hour, so that a ranking lasts longer than the logs it was made of.

A file holds one month: `2026-11.rollup.parquet`. Its rows are cells (`sql/rollup_macros.sql`), and its
metadata says which logs are in it.
"""
