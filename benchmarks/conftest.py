"""The header of a report: what runs, and what the machine can do."""

import fastnet


def pytest_configure(config):
    # Peers warn of what they please.
    config.addinivalue_line("filterwarnings", "default")


def pytest_report_header(config):
    if not config.getoption("benchmark_enable", False):
        return None
    from fastnet._bench import ceilings

    facts = fastnet.runtime.config()
    return [
        *(f"{key}: {facts[key]}" for key in ("fastnet", "isa active", "threads")),
        ceilings.line(ceilings.measured()),
    ]
