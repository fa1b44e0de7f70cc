"""The watch: target groups read again and again, with their forecasts and findings."""
