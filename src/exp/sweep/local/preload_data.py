"""Imported first by the server of a sweep over the bundled data: it is read meanwhile, once for all jobs."""

from exp.data.read_ahead import begin_to_read

begin_to_read()
