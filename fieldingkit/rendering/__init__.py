"""Renderers of sweep reports: HTML, CSV and JSON files from one document model."""
