import pytest

from tests.bench.http.wrk import Report, parsed
from tests.bench.server import BenchError

_REPORT = """\
Running 2s test @ http://10.0.0.2:8080/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.06ms   11.73ms 103.94ms   96.30%
    Req/Sec    10.42k     3.11k   14.24k    85.00%
  Latency Distribution
     50%  671.00us
     75%    1.10ms
     90%    4.40ms
     99%    1.20s
  20776 requests in 2.05s, 2.50MB read
Requests/sec:  10130.74
Transfer/sec:      1.22MB
"""


def test_a_report_is_read_in_milliseconds() -> None:
    assert parsed(_REPORT, "") == Report(10130.74, 0.671, 1200.0)


@pytest.mark.parametrize(
    "line", ["  Socket errors: connect 0, read 3, write 0, timeout 0", "  Non-2xx or 3xx responses: 12"]
)
def test_figures_of_failed_requests_are_none(line: str) -> None:
    report = _REPORT.replace("Requests/sec", f"{line}\nRequests/sec")
    with pytest.raises(BenchError, match=line.strip().split(",")[0]):
        parsed(report, "http://10.0.0.2:8080/")


def test_a_report_without_figures_is_told() -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        parsed("nothing", "")
