"""Large demo data: histories of groups and versions as people and pipelines make them, and the rows they leave."""
