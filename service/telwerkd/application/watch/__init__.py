"""Watches: queries whose answers are streamed again when they change."""
