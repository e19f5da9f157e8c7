"""Bing's image and video creator."""
