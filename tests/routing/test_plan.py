"""Model name → route."""

from __future__ import annotations

import pytest

from aigate.errors import ForbiddenModel, ModelNotFound
from aigate.routing import plan, visible_models
from tests import stories


def test_a_listed_model_is_its_route() -> None:
    snapshot = stories.snapshot()
    assert plan(snapshot, stories.request(), stories.principal()) is snapshot.models["assistant"]


def test_a_bare_name_of_the_price_book_is_called_directly() -> None:
    direct = stories.target(model="gpt-x")
    snapshot = stories.snapshot(direct={"gpt-x": direct})
    assert plan(snapshot, stories.request(model="gpt-x"), stories.principal()).targets == (direct,)


def test_provider_and_model_split_at_the_first_slash() -> None:
    (found,) = plan(stories.snapshot(), stories.request(model="beta/org/m"), stories.principal()).targets
    assert (found.provider.name, found.model) == ("beta", "org/m")


@pytest.mark.parametrize("name", ["nobody", "gamma/m", "beta/", "/m", "/"])
def test_an_unknown_name_is_not_found(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        plan(stories.snapshot(), stories.request(model=name), stories.principal())
    assert caught.value.param == "model"


def test_near_names_are_suggested_but_only_those_the_key_may_use() -> None:
    snapshot = stories.snapshot(models={name: stories.route() for name in ("assistant", "assistance")})
    with pytest.raises(ModelNotFound, match="did you mean assistant or assistance"):
        plan(snapshot, stories.request(model="asistant"), stories.principal())
    with pytest.raises(ModelNotFound) as caught:
        plan(snapshot, stories.request(model="asistant"), stories.principal(models=("assistant", "asis*")))
    assert "assistance" not in caught.value.message


def test_a_key_is_refused_before_it_learns_whether_a_model_exists() -> None:
    for name in ("assistant", "nobody"):
        with pytest.raises(ForbiddenModel):
            plan(stories.snapshot(), stories.request(model=name), stories.principal(models=("other-*",)))


def test_visible_models_are_those_the_key_may_use() -> None:
    snapshot = stories.snapshot(models={name: stories.route() for name in ("b", "a", "c-1")})
    assert visible_models(snapshot, stories.principal()) == ["a", "b", "c-1"]
    assert visible_models(snapshot, stories.principal(models=("c-*",))) == ["c-1"]
