from types import SimpleNamespace

from bench.micro.conftest import _figures


def ran(group: str | None, name: str, seconds: float, has_error: bool = False) -> SimpleNamespace:
    return SimpleNamespace(group=group, name=name, stats=SimpleNamespace(min=seconds), has_error=has_error)


def test_the_worst_case_over_parameters_counts() -> None:
    figures = dict(
        _figures(
            [
                ran("sse", "test_aigate[small]", 1e-6),
                ran("sse", "test_openai_sdk[small]", 30e-6),
                ran("sse", "test_aigate[large]", 10e-6),
                ran("sse", "test_openai_sdk[large]", 250e-6),
            ]
        )
    )
    assert {name: round(value, 6) for name, value in figures.items()} == {"sse.us": 10.0, "sse.vs_openai_sdk": 25.0}


def test_rivals_alone_errors_and_loners_give_no_figure() -> None:
    assert not dict(
        _figures(
            [
                ran("tokens", "test_tiktoken", 1.0),
                ran(None, "test_aigate", 1.0),
                ran("price", "test_aigate", 1.0, has_error=True),
            ]
        )
    )
