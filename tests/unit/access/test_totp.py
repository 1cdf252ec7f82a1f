from __future__ import annotations

import threading

import pyotp
import pytest
import sqlalchemy as sa

from brickyard.access import totp
from brickyard.access.people import People
from brickyard.access.totp import RECOVERY_CODES, SecondFactor
from brickyard.kit.errors import BadInput, Conflict
from tests.unit.access.front_desk import MASTER, Clock
from tests.unit.access.one_database import emptied


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ada(engine: sa.Engine) -> str:
    return People(engine).add("ada").id


@pytest.fixture
def factor(engine: sa.Engine, clock: Clock) -> SecondFactor:
    return SecondFactor(engine, MASTER, clock)


def enrolled(engine: sa.Engine, factor: SecondFactor, user: str, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    """The person's app and recovery codes, half a minute after it was confirmed."""
    app = pyotp.parse_uri(factor.begin(user, "ada").uri)
    assert isinstance(app, pyotp.TOTP)
    with engine.begin() as connection:
        codes = factor.confirm(user, app.at(clock()), connection)
    clock.pass_s(30)
    return app, codes


def test_an_app_is_set_up_by_text_or_picture(factor: SecondFactor, ada: str) -> None:
    begun = factor.begin(ada, "ada@example.org")
    app = pyotp.parse_uri(begun.uri)
    assert (app.issuer, app.name) == ("Brickyard", "ada@example.org")
    assert len(app.secret) == 32
    assert begun.svg.startswith("<svg ")
    assert app.secret not in repr(begun)


def test_the_secret_is_kept_sealed(engine: sa.Engine, factor: SecondFactor, ada: str) -> None:
    secret = pyotp.parse_uri(factor.begin(ada, "ada").uri).secret
    with engine.connect() as connection:
        sealed = connection.execute(sa.text("SELECT totp_secret FROM users WHERE id = :id"), {"id": ada}).scalar_one()
    assert secret.encode() not in bytes(sealed)
    assert MASTER.unwrap(bytes(sealed), f"totp:{ada}").decode() == secret


def test_codes_count_once_one_was_confirmed(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    app = pyotp.parse_uri(factor.begin(ada, "ada").uri)
    assert isinstance(app, pyotp.TOTP)
    assert not factor.check(ada, app.at(clock()))
    assert not People(engine).user(ada).has_totp
    with engine.begin() as connection:
        factor.confirm(ada, app.at(clock()), connection)
    assert People(engine).user(ada).has_totp
    clock.pass_s(30)
    assert factor.check(ada, app.at(clock()))


def test_no_code_works_twice(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    app, _ = enrolled(engine, factor, ada, clock)
    used_to_confirm = app.at(clock(), counter_offset=-1)
    assert not factor.check(ada, used_to_confirm)
    code = app.at(clock())
    assert factor.check(ada, f"{code[:3]} {code[3:]}")
    assert not factor.check(ada, code)


def test_no_code_works_twice_at_once(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    app, _ = enrolled(engine, factor, ada, clock)
    code, begin, answers = app.at(clock()), threading.Barrier(6), []

    def show() -> None:
        begin.wait()
        answers.append(factor.check(ada, code))

    threads = [threading.Thread(target=show) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 5 + [True]


def test_clocks_may_differ_by_one_step(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    app, _ = enrolled(engine, factor, ada, clock)
    for steps, counts in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        clock.pass_s(300)
        assert factor.check(ada, app.at(clock(), counter_offset=steps)) is counts


def test_what_is_no_code_is_wrong(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    app, _ = enrolled(engine, factor, ada, clock)
    for code in ("", "000", "abcdef", app.at(clock()) + "0", "١٢٣٤٥٦", "½⅓²³¹⁴"):
        assert not factor.check(ada, code)


def test_each_recovery_code_works_once(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    _, codes = enrolled(engine, factor, ada, clock)
    assert len(set(codes)) == RECOVERY_CODES
    assert factor.check(ada, codes[3].upper().replace("-", " "))
    assert not factor.check(ada, codes[3])
    assert factor.check(ada, codes[0])
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT users::text, cardinality(recovery_codes) FROM users WHERE name='ada'"))
        text, left = row.one()
    assert left == RECOVERY_CODES - 2
    assert not any(code in text or code.replace("-", "") in text for code in codes)


def test_recovery_codes_are_their_owners_alone(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    _, codes = enrolled(engine, factor, ada, clock)
    grace = People(engine).add("grace").id
    enrolled(engine, factor, grace, clock)
    assert not factor.check(grace, codes[0])


def test_a_wrong_code_confirms_nothing(engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock) -> None:
    app = pyotp.parse_uri(factor.begin(ada, "ada").uri)
    assert isinstance(app, pyotp.TOTP)
    with pytest.raises(BadInput, match="Check the time"), engine.begin() as connection:
        factor.confirm(ada, app.at(clock(), counter_offset=5), connection)
    assert not People(engine).user(ada).has_totp


def test_one_cannot_be_replaced_before_it_is_removed(
    engine: sa.Engine, factor: SecondFactor, ada: str, clock: Clock
) -> None:
    with pytest.raises(Conflict, match="Begin to set one up"), engine.begin() as connection:
        factor.confirm(ada, "123456", connection)
    app, codes = enrolled(engine, factor, ada, clock)
    with pytest.raises(Conflict, match="Remove it first"):
        factor.begin(ada, "ada")
    with engine.begin() as connection:
        assert totp.remove(connection, ada)
        assert not totp.remove(connection, ada)
    assert not factor.check(ada, app.at(clock()))
    assert not factor.check(ada, codes[0])
    factor.begin(ada, "ada")
