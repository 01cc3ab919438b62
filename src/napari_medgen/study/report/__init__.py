"""An analysis as a page, a PDF, and tables for other programs."""
