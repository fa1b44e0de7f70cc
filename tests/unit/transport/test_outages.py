"""Whole outages in virtual time: calls survive what fits into their deadline, and spare the server."""

from itertools import count

from support.outages import at_most, dead, down_between, simulate

from fieldingkit.transport.http import Response


def test_reads_survive_an_outage_that_fits_into_their_deadline() -> None:
    """Of 40 reads over 6 s with 3 s of 502 in the middle, all succeed with a deadline of 120 s."""
    result = simulate(down_between(1.5, 4.5), [number * 6 / 40 for number in range(40)])

    assert result.succeeded == 40
    assert result.duration < 20.0


def test_burst_above_the_servers_rate_succeeds_with_few_requests() -> None:
    """Of 100 reads at once to a server of 5 a second, all succeed, and it sees at most 2.2 times the requests."""
    result = simulate(at_most(5), [0.0] * 100, retry_after=1.0)

    assert result.succeeded == 100
    assert len(result.sent_at) <= 220
    assert result.duration < 40.0


def test_dead_server_gets_few_retries() -> None:
    """Calls to a dead server, 1,000 at once, make at most 1,140 sends in a minute, and end with the reason."""
    result = simulate(dead, [0.0] * 1000)

    assert 1_100 <= sum(moment <= 60.0 for moment in result.sent_at) <= 1_140
    assert {outcome.status for outcome in result.outcomes if isinstance(outcome, Response)} == {503}
    assert result.duration <= 120.0


def test_failing_endpoint_costs_others_nothing() -> None:
    """Calls to a healthy endpoint succeed at once while another endpoint only answers 504."""
    result = simulate(
        lambda _, path: 504 if path == "/sick" else 200, [0.0] * 40, paths=("/sick", "/well"), deadline=5.0
    )

    assert result.succeeded == 20
    assert all(isinstance(outcome, Response) for outcome in result.outcomes)


def test_a_429_in_a_hundred_hardly_slows_a_client_down() -> None:
    """A server that is well and answers 429 now and then keeps the client's pace; a limit is respected all the same."""
    number = count(1)
    result = simulate(
        lambda _, __: 429 if next(number) % 100 == 0 else 200,
        [each / 50 for each in range(3000)],
        retry_after=0.0,
    )
    assert (result.succeeded, len(result.sent_at)) == (3000, 3030)
    assert result.duration < 65.0

    limited = simulate(at_most(50), [each / 200 for each in range(2000)], retry_after=1.0, deadline=None)
    assert limited.succeeded == 2000
    assert len(limited.sent_at) < 2100
    assert limited.duration < 90.0
