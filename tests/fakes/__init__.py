"""Our own ports, in memory: they obey the same contract suites as the real adapters."""
