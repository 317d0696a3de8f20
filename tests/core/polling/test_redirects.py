from __future__ import annotations

from core.polling.politeness import RedirectWatch, believed, watch


def test_a_redirect_is_believed_after_three_answers_over_a_day() -> None:
    seen: RedirectWatch | None = None
    for hour in (0, 12):
        seen = watch(seen, "https://new.example/feed", now=hour * 3600)
    assert not believed(seen, now=12 * 3600, persistence=86400)

    seen = watch(seen, "https://new.example/feed", now=24 * 3600)

    assert believed(seen, now=24 * 3600, persistence=86400)


def test_three_answers_within_an_hour_are_not_enough() -> None:
    seen: RedirectWatch | None = None
    for minute in (0, 15, 30):
        seen = watch(seen, "https://new.example/feed", now=minute * 60)

    assert not believed(seen, now=1800, persistence=86400)


def test_another_target_or_an_answer_without_redirect_starts_anew() -> None:
    seen = RedirectWatch(to="https://a.example/", since=0, count=9)

    assert watch(seen, None, now=1) is None
    assert watch(seen, "https://b.example/", now=1) == RedirectWatch(
        to="https://b.example/", since=1
    )
