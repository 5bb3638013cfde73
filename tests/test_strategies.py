"""The oracles: each repair beside the plain KerasTuner oracle that needs it."""

import itertools
import json
import math
import time
import warnings
from dataclasses import asdict, replace
from statistics import median

import hydra
import keras_tuner
import numpy as np
import pytest
from keras_tuner import oracles as plain
from omegaconf import OmegaConf

from pipeline.strategies import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    RandomSearch,
    RestoredTrial,
    grids,
)

LOSS = keras_tuner.Objective("val_loss", "min")
BUDGETS = {
    RandomSearch: {"max_trials": 10},
    GridSearch: {"max_trials": 10},
    BayesianOptimization: {"max_trials": 9, "num_initial_points": 4},
    Hyperband: {"max_epochs": 4, "factor": 2, "hyperband_iterations": 2},
}
ALL = pytest.mark.parametrize("strategy", BUDGETS, ids=lambda strategy: strategy.__name__)


def space_of(*hps):
    space = keras_tuner.HyperParameters()
    space.merge(list(hps))
    return space


def choice(count, name="x"):
    return keras_tuner.engine.hyperparameters.Choice(name, list(range(count)))


def number(name="x", low=0, high=1, **kwargs):
    return keras_tuner.engine.hyperparameters.Float(name, low, high, **kwargs)


def mixed_space():
    space = space_of(number("rate", 1e-4, 1e-1, sampling="log"), number("drop", 0, 0.5, step=0.1))
    space.Choice("kind", ["a", "b"])
    with space.conditional_scope("kind", ["a"]):
        space.Int("units", 1, 3)
    with space.conditional_scope("kind", ["b"]):
        space.Int("units", 7, 9)
    return space


def make(strategy, space=None, *, seed=0, objective=LOSS, **budget):
    return strategy(
        objective=objective,
        hyperparameters=mixed_space() if space is None else space,
        seed=seed,
        **(budget or BUDGETS.get(strategy, {})),
    )


def make_plain(oracle, space=None, *, seed=1, objective=LOSS, **budget):
    made = oracle(
        objective=objective,
        hyperparameters=mixed_space() if space is None else space,
        seed=seed,
        **budget,
    )
    made.verbose = 0
    made.save = made._check_consecutive_failures = lambda: None
    made._save_trial = lambda trial: None
    return made


def loss(values):
    """A score with one best point, whatever the space."""
    return sum(
        (len(value) if isinstance(value, str) else float(value) - 0.3) ** 2
        for name, value in values.items()
        if not name.startswith("tuner/")
    )


def end(oracle, trial, score, step=0):
    """Report a score; None fails the trial."""
    if score is None:
        trial.status = "INVALID"
    else:
        oracle.update_trial(trial.trial_id, {oracle.objective.name: score}, step=step)
        trial.status = "COMPLETED"
    oracle.end_trial(trial)


def run(oracle, score=loss, limit=10_000):
    """Run up to `limit` trials; return those that were proposed."""
    ran = []
    while len(ran) < limit:
        trial = oracle.create_trial("tuner")
        if trial.status == "STOPPED":
            break
        assert trial.status == "RUNNING"
        ran.append(trial)
        end(oracle, trial, score(trial.hyperparameters.values))
    return ran


def values(trials):
    return [dict(trial.hyperparameters.values) for trial in trials]


def keys(trials):
    return [grids.key(trial.hyperparameters.values) for trial in trials]


class TestEveryStrategy:
    @ALL
    def test_same_arguments_give_the_same_trials(self, strategy):
        first, second = (run(make(strategy, seed=3)) for _ in range(2))
        assert values(first) == values(second)
        assert len(first) > 5

    @ALL
    def test_identifiers_have_four_digits(self, strategy):
        trials = run(make(strategy))
        assert [trial.trial_id for trial in trials] == [f"{i:04d}" for i in range(len(trials))]

    @ALL
    def test_total_trials_is_known_before_the_search(self, strategy):
        oracle = make(strategy)
        total, epochs = oracle.total_trials, oracle.total_epochs(4)
        trials = run(oracle)
        assert len(trials) == total
        ranges = [(t.hyperparameters.values.get("tuner/initial_epoch", 0), 4) for t in trials]
        if strategy is Hyperband:
            ranges = [(v["tuner/initial_epoch"], v["tuner/epochs"]) for v in values(trials)]
        assert sum(stop - start for start, stop in ranges) == epochs

    @ALL
    def test_works_on_a_copy_of_the_space(self, strategy):
        space = mixed_space()
        before = space.get_config()
        oracle = make(strategy, space)
        run(oracle, lambda _: 1.0)
        assert space.get_config() == before

    @ALL
    def test_an_empty_space_has_one_combination(self, strategy):
        trials = run(make(strategy, space_of()))
        assert set(keys(trials)) == {"{}"}
        assert len(trials) == make(strategy, space_of()).total_trials

    @ALL
    def test_prints_and_writes_nothing(self, strategy, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        oracle = make(strategy, max_attempts=2, **BUDGETS[strategy])
        oracle._set_project_dir(str(tmp_path), "project")
        oracle.verbose = 1  # as KerasTuner's tuner does
        run(oracle, lambda _: None)
        oracle.save()
        oracle.reload()
        assert list(tmp_path.iterdir()) == []
        assert capsys.readouterr() == ("", "")

    @ALL
    def test_a_tuner_that_asks_again_gets_its_trial_again(self, strategy):
        oracle = make(strategy)
        first = oracle.create_trial("one")
        assert oracle.create_trial("one") is first
        assert oracle.create_trial("two").trial_id == "0001"

    @ALL
    def test_waits_only_for_others(self, strategy):
        oracle = make(strategy, space_of(choice(2)))
        asked = [oracle.create_trial(f"tuner {i}") for i in range(20)]
        waiting = [trial.status for trial in asked].index("IDLE")
        assert {trial.status for trial in asked[waiting:]} == {"IDLE"}
        for trial in asked[:waiting]:
            end(oracle, trial, 1.0)
        assert oracle.create_trial("last").status == (
            "RUNNING" if strategy is Hyperband else "STOPPED"
        )

    @ALL
    @pytest.mark.parametrize(
        ("changed", "error", "sentence"),
        [
            ({"objective": "val_loss"}, TypeError, "objective must be a keras_tuner.Objective"),
            ({"objective": None}, TypeError, "objective must be a keras_tuner.Objective"),
            (
                {"objective": keras_tuner.Objective("val_loss", "up")},
                ValueError,
                "objective.direction must be min or max; received 'up'",
            ),
            ({"seed": None}, TypeError, "seed must be an integer; received None"),
            ({"seed": 1.0}, TypeError, "seed must be an integer; received 1.0"),
            ({"max_attempts": 0}, ValueError, "max_attempts must be an integer of at least 1"),
        ],
    )
    def test_refuses_wrong_arguments(self, strategy, changed, error, sentence):
        arguments = {"objective": LOSS, "hyperparameters": space_of(), "seed": 0}
        with pytest.raises(error, match=sentence):
            strategy(**{**arguments, **BUDGETS[strategy], **changed})

    @pytest.mark.parametrize(
        ("strategy", "changed", "sentence"),
        [
            (RandomSearch, {"max_trials": 0}, "max_trials must be an integer of at least 1"),
            (RandomSearch, {"max_trials": "ten"}, "max_trials .* received 'ten'"),
            (RandomSearch, {"max_trials": None}, "max_trials .* received None"),
            (GridSearch, {"max_trials": -1}, "max_trials must be an integer of at least 1"),
            (BayesianOptimization, {"max_trials": True}, "max_trials .* received True"),
            (BayesianOptimization, {"num_initial_points": 0}, "num_initial_points .* received 0"),
            (BayesianOptimization, {"alpha": 0}, "alpha must be a number above 0; received 0"),
            (BayesianOptimization, {"alpha": math.nan}, "alpha .* received nan"),
            (BayesianOptimization, {"beta": -1}, "beta must be a number of at least 0"),
            (BayesianOptimization, {"beta": "big"}, "beta .* received 'big'"),
            (Hyperband, {"max_epochs": 0}, "max_epochs must be an integer of at least 1"),
            (Hyperband, {"factor": 1}, "factor must be an integer of at least 2; received 1"),
            (Hyperband, {"factor": 2.5}, "factor must be an integer of at least 2; received 2.5"),
            (Hyperband, {"hyperband_iterations": 0}, "hyperband_iterations .* received 0"),
        ],
    )
    def test_refuses_a_wrong_budget(self, strategy, changed, sentence):
        with pytest.raises(ValueError, match=sentence):
            make(strategy, **{**BUDGETS[strategy], **changed})

    @pytest.mark.parametrize("name", ["random", "grid", "bayesian", "hyperband"])
    def test_is_made_by_its_configuration(self, name):
        config = OmegaConf.create({"training": {"epochs": 9}})
        config.strategy = OmegaConf.load(f"conf/strategy/{name}.yaml")
        partial = hydra.utils.instantiate(config.strategy, _partial_=True)
        oracle = partial(objective=LOSS, hyperparameters=mixed_space(), seed=0)
        assert oracle.total_trials > 0


class TestSeeds:
    @ALL
    def test_zero_counts(self, strategy):
        assert make_plain(plain.RandomSearchOracle, seed=0).seed != 0
        assert make(strategy, seed=0).seed == 0

    @pytest.mark.parametrize("seed", [-1, 0, 2**32, 2**70])
    @ALL
    def test_any_integer_counts(self, strategy, seed):
        assert len(run(make(strategy, seed=seed), limit=2)) == 2

    def test_neighbours_give_unrelated_values(self):
        def draws(oracle):
            return {trial["x"] for trial in values(run(oracle))}

        space = space_of(number())
        five, six = (
            draws(make_plain(plain.RandomSearchOracle, space, seed=seed, max_trials=20))
            for seed in (5, 6)
        )
        assert len(five & six) == 19
        five, six = (draws(make(RandomSearch, space, seed=seed, max_trials=20)) for seed in (5, 6))
        assert not five & six


class TestObjective:
    SCORES = (0.2, 0.9, 0.5)

    def test_direction_is_stated_not_inferred(self):
        guessing = make_plain(plain.RandomSearchOracle, objective="val_f1_score", max_trials=3)
        run(guessing, lambda _, scores=iter(self.SCORES): next(scores))
        assert guessing.get_best_trials()[0].score == 0.2

    @ALL
    @pytest.mark.parametrize("name", ["val_f1_score", "val_r2_score", "val_cosine_similarity"])
    def test_the_highest_wins_if_it_is_maximised(self, strategy, name):
        oracle = make(strategy, objective=keras_tuner.Objective(name, "max"))
        run(oracle, lambda _, scores=itertools.cycle(self.SCORES): next(scores))
        assert oracle.get_best_trials()[0].score == 0.9

    @ALL
    def test_metrics_of_any_name_may_be_reported(self, strategy):
        metrics = {"val_loss": 1.0, "val_mean_io_u": 0.5}
        guessing = make_plain(plain.RandomSearchOracle)
        with pytest.raises(TypeError):
            guessing.update_trial(guessing.create_trial("tuner").trial_id, metrics)
        oracle = make(strategy)
        trial = oracle.update_trial(oracle.create_trial("tuner").trial_id, metrics)
        assert trial.metrics.get_last_value("val_mean_io_u") == 0.5

    @ALL
    def test_a_missing_objective_is_an_error(self, strategy):
        oracle = make(strategy)
        trial = oracle.create_trial("tuner")
        with pytest.raises(ValueError, match="Objective value missing"):
            oracle.update_trial(trial.trial_id, {"loss": 1.0})

    @ALL
    def test_the_best_step_is_the_one_reported(self, strategy):
        oracle = make(strategy)
        trial = oracle.create_trial("tuner")
        for step, score in ((4, 0.5), (5, 0.3), (6, 0.4), (7, math.nan)):
            oracle.update_trial(trial.trial_id, {"val_loss": score}, step=step)
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        assert (trial.score, trial.best_step) == (0.3, 5)
        assert type(trial.score) is float


class TestFailures:
    @pytest.mark.parametrize("score", [math.inf, -math.inf])
    def test_plain_keras_tuner_lets_infinity_win(self, score):
        objective = keras_tuner.Objective("m", "max" if score > 0 else "min")
        oracle = make_plain(plain.RandomSearchOracle, objective=objective, max_trials=3)
        scores = iter((0.5, score, 0.4))
        run(oracle, lambda _: next(scores))
        assert oracle.get_best_trials()[0].score == score

    @ALL
    @pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("direction", ["min", "max"])
    def test_a_score_that_is_not_finite_fails_the_trial(self, strategy, score, direction):
        oracle = make(strategy, objective=keras_tuner.Objective("m", direction))
        scores = iter((0.5, score, 0.4))
        trials = run(oracle, lambda _: next(scores), limit=3)
        assert [trial.status for trial in trials] == ["COMPLETED", "FAILED", "COMPLETED"]
        assert trials[1].score is None
        assert trials[1].message == f"the objective m must be finite; it was {score}"
        assert [trial.score for trial in oracle.get_best_trials(5)] == sorted(
            [0.4, 0.5], reverse=direction == "max"
        )

    def test_plain_keras_tuner_never_lets_a_retry_succeed(self):
        oracle = make_plain(plain.RandomSearchOracle, max_trials=1, max_retries_per_trial=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of an empty minimum
            trials = run(oracle, lambda _, scores=iter((math.nan, 0.5)): next(scores))
        assert len(trials) == 2
        assert trials[1].status == "FAILED"

    @ALL
    @pytest.mark.parametrize("first", [math.nan, math.inf, None])
    def test_a_retry_may_succeed(self, strategy, first):
        oracle = make(strategy, max_attempts=3, **BUDGETS[strategy])
        trial = oracle.create_trial("tuner")
        before = dict(trial.hyperparameters.values)
        trial.message = "it raised" if first is None else None
        end(oracle, trial, first)
        assert trial.status == "INVALID"
        assert trial.message is not None
        again = oracle.create_trial("tuner")
        assert (again.trial_id, again.hyperparameters.values) == ("0000", before)
        assert (again.status, again.score, again.message) == ("RUNNING", None, None)
        end(oracle, again, 0.5, step=3)
        assert (again.status, again.score, again.best_step) == ("COMPLETED", 0.5, 3)
        assert oracle.create_trial("tuner").trial_id == "0001"

    @ALL
    def test_attempts_are_counted(self, strategy):
        oracle = make(strategy, max_attempts=3, **BUDGETS[strategy])
        tried = [trial.trial_id for trial in run(oracle, lambda _: None, limit=6)]
        assert tried == ["0000"] * 3 + ["0001"] * 3
        assert oracle.get_trial("0000").status == "FAILED"

    @ALL
    def test_a_failed_trial_is_not_tried_again(self, strategy):
        oracle = make(strategy, max_attempts=3, **BUDGETS[strategy])
        trial = oracle.create_trial("tuner")
        trial.status = "FAILED"
        oracle.end_trial(trial)
        assert oracle.create_trial("tuner").trial_id == "0001"

    @ALL
    def test_many_failures_in_a_row_do_not_raise(self, strategy):
        oracle = make(strategy)
        trials = run(oracle, lambda _: None)
        assert len(trials) >= 7
        assert {trial.status for trial in trials} == {"FAILED"}

    def test_plain_keras_tuner_calls_a_failed_trial_the_best(self):
        oracle = make_plain(plain.RandomSearchOracle, max_trials=2)
        run(oracle, lambda _: None)
        assert oracle.get_best_trials()[0].status != "COMPLETED"

    @ALL
    def test_the_best_trials_are_completed_ones(self, strategy):
        oracle = make(strategy)
        scores = iter((None, 0.3, None, 0.2, 0.2))
        run(oracle, lambda _: next(scores), limit=5)
        oracle.create_trial("tuner")
        best = oracle.get_best_trials(10)
        assert [trial.trial_id for trial in best] == ["0003", "0004", "0001"]
        assert oracle.get_best_trials(1) == best[:1]
        assert make(strategy).get_best_trials() == []


class TestSpace:
    def test_plain_keras_tuner_loses_a_name_that_two_scopes_share(self):
        oracle = make_plain(plain.RandomSearchOracle, max_trials=20)
        assert any("units" not in trial for trial in values(run(oracle)))

    @ALL
    def test_exclusive_scopes_may_share_a_name(self, strategy):
        for trial in values(run(make(strategy))):
            assert trial["units"] in ((1, 2, 3) if trial["kind"] == "a" else (7, 8, 9))

    @ALL
    def test_a_hyperparameter_of_a_later_trial_joins_the_space(self, strategy):
        oracle = make(strategy, space_of(choice(6)))
        first = oracle.create_trial("tuner")
        first.hyperparameters.Choice("late", [5, 6, 7], default=6)
        end(oracle, first, 1.0)
        later = values(run(oracle))
        assert first.hyperparameters.values["late"] == 6
        assert all("late" in trial for trial in later)
        assert len({trial["late"] for trial in later}) > 1
        (declared,) = oracle.declared_by("0000")
        assert (declared["class_name"], declared["config"]["name"]) == ("Choice", "late")
        assert oracle.declared_by("0001") == []


class TestRandomSearch:
    def test_exhausts_a_small_space(self):
        space = space_of(choice(10, "a"), choice(10, "b"))
        stopped = [
            len(run(make_plain(plain.RandomSearchOracle, space, seed=seed, max_trials=100)))
            for seed in (1, 2, 3)
        ]
        assert max(stopped) < 100
        for seed in (0, 1, 2):
            oracle = make(RandomSearch, space, seed=seed, max_trials=200)
            trials = run(oracle)
            assert len(set(keys(trials))) == len(trials) == 100 == oracle.total_trials

    def test_finds_the_rare_remainder_of_a_large_space(self):
        space = space_of(choice(1000, "kind"))
        with space.conditional_scope("kind", [7]):
            space.Int("units", 1, 10**9)
            space.Float("rate", 0, 1)
        oracle = make(RandomSearch, space, max_trials=1100)
        assert oracle.total_trials == 1100
        assert len(set(keys(run(oracle)))) == 1100

    def test_uses_the_upper_end_and_the_sampling(self):
        space = space_of(number("step", step=0.1), number("rate", 1e-4, 1, sampling="log"))
        trials = values(run(make(RandomSearch, space, max_trials=400)))
        assert {trial["step"] for trial in trials} == {i / 10 for i in range(11)}
        assert 0.4 < sum(trial["rate"] < 1e-2 for trial in trials) / 400 < 0.6

    def test_epochs_count_for_the_total_if_they_are_searched(self):
        oracle = make(RandomSearch, space_of(choice(11, "epochs")), max_trials=5)
        assert oracle.total_epochs(3) == 50
        assert make(RandomSearch, space_of(), max_trials=5).total_epochs(3) == 3

    def test_a_trial_costs_the_same_however_many_there_were(self):
        space = space_of(
            *(number(f"x{i}") for i in range(5)), *(choice(5, f"c{i}") for i in "abcde")
        )
        oracle = make(RandomSearch, space, max_trials=5000)
        costs = []
        for _ in range(5000):
            start = time.process_time()
            run(oracle, lambda _: 1.0, limit=1)
            costs.append(time.process_time() - start)
        first, last = median(costs[:500]), median(costs[-500:])
        print(f"bookkeeping of a trial: {first * 1e3:.2f} ms at first, {last * 1e3:.2f} ms at last")
        assert last < 2 * first


class TestGridSearch:
    def test_a_value_listed_twice_is_tried_once(self):
        space = space_of(keras_tuner.engine.hyperparameters.Choice("x", [1, 1, 2]))
        looping = run(make_plain(plain.GridSearchOracle, space, max_trials=12))
        assert [trial["x"] for trial in values(looping)] == [1] * 12
        assert [trial["x"] for trial in values(run(make(GridSearch, space)))] == [1, 2]

    def test_includes_the_upper_end(self):
        space = space_of(number(step=0.1))
        omitting = values(run(make_plain(plain.GridSearchOracle, space)))
        assert max(trial["x"] for trial in omitting) < 1
        oracle = make(GridSearch, space, max_trials=None)
        assert [trial["x"] for trial in values(run(oracle))] == [i / 10 for i in range(11)]

    def test_runs_the_whole_grid_once_and_in_order(self):
        oracle = make(GridSearch, max_trials=None)
        expected = list(grids.combinations(mixed_space()))
        assert oracle.total_trials == len(expected) == 10 * 6 * (3 + 3)
        assert values(run(oracle)) == expected

    def test_stops_at_its_budget(self):
        oracle = make(GridSearch, max_trials=7)
        assert oracle.total_trials == 7 == len(run(oracle))

    def test_covers_what_appears_during_a_trial(self):
        oracle = make(GridSearch, space_of(choice(3)), max_trials=None)
        for _ in range(2):
            trial = oracle.create_trial("tuner")
            end(oracle, trial, 1.0)
        late = oracle.create_trial("tuner")
        late.hyperparameters.Boolean("late", default=True)
        end(oracle, late, 1.0)
        trials = [late, *run(oracle)]
        assert sorted(keys(trials)) == sorted(
            map(grids.key, grids.combinations(oracle.get_space()))
        )
        assert keys(trials)[0] == '{"late": true, "x": 2}'

    def test_a_proposal_does_not_start_over(self):
        visited = []
        oracle = make(GridSearch, space_of(choice(300)), max_trials=None)
        oracle.populate_space("0000")
        oracle._remaining = itertools.chain([{"x": 0}], _watched(oracle._remaining, visited))
        run(oracle)
        assert len(visited) == 299


def _watched(items, visited):
    for item in items:
        visited.append(item)
        yield item


class TestBayesianOptimization:
    def test_proposes_nothing_twice(self):
        space = space_of(choice(3, "a"), choice(2, "b"))
        repeating = make_plain(
            plain.BayesianOptimizationOracle, space, max_trials=8, num_initial_points=2
        )
        assert len(set(keys(run(repeating)))) < 6
        trials = run(make(BayesianOptimization, space, max_trials=12, num_initial_points=2))
        assert len(set(keys(trials))) == len(trials) == 6

    def test_goes_on_beyond_what_it_can_tell_apart(self):
        space = space_of(choice(4, "a"))
        with space.conditional_scope("a", [3]):
            space.Int("b", 1, 30)
        trials = run(make(BayesianOptimization, space, max_trials=40, num_initial_points=30))
        assert len(set(keys(trials))) == len(trials) == 33

    @pytest.mark.parametrize("direction", ["min", "max"])
    def test_beats_random_search(self, direction):
        sign = 1 if direction == "min" else -1
        space = space_of(number("rate", 1e-4, 1e-1, sampling="log"), number("drop"))
        space.Int("units", 32, 512, step=32)
        space.Choice("activation", ["relu", "tanh"])

        def score(trial):
            return sign * (
                (math.log10(trial["rate"]) + 2.5) ** 2
                + (trial["drop"] - 0.3) ** 2
                + ((trial["units"] - 200) / 300) ** 2
                + 0.3 * (trial["activation"] == "relu")
            )

        def best(strategy, seed):
            objective = keras_tuner.Objective("m", direction)
            oracle = make(strategy, space, seed=seed, objective=objective, max_trials=20)
            run(oracle, score)
            return sign * oracle.get_best_trials()[0].score

        ours = [best(BayesianOptimization, seed) for seed in range(5)]
        random = [best(RandomSearch, seed) for seed in range(5)]
        print(f"mean of 5 best losses: {np.mean(ours):.4f}, random search {np.mean(random):.4f}")
        assert np.mean(ours) < 0.5 * np.mean(random)
        assert sum(map(float.__lt__, ours, random)) >= 4

    def test_a_failed_trial_teaches_nothing_however_it_failed(self):
        def proposals(bad):
            oracle = make(BayesianOptimization, max_trials=8, num_initial_points=3)
            scores = itertools.chain((0.5, 0.3, bad, 0.4, bad), itertools.repeat(0.6))
            return values(run(oracle, lambda _: next(scores)))

        assert proposals(math.inf) == proposals(-math.inf) == proposals(math.nan) == proposals(None)

    def test_plain_keras_tuner_takes_infinity_for_zero(self):
        oracle = make_plain(plain.BayesianOptimizationOracle, space_of(number()), max_trials=3)
        scores = iter((5.0, math.inf, 4.0))
        run(oracle, lambda _: next(scores))
        _, fed = oracle._vectorize_trials()
        assert list(np.nan_to_num(fed, posinf=0, neginf=0)) == [5.0, 0.0, 4.0]

    def test_one_diverged_trial_does_not_hide_the_others(self):
        def best(seed):
            space = space_of(number("x"), number("y"))
            oracle = make(BayesianOptimization, space, seed=seed, max_trials=20)
            run(oracle, lambda v: 1e12 if v["x"] > 0.8 else (v["x"] - 0.2) ** 2 + v["y"])
            return oracle.get_best_trials()[0].score

        assert max(best(seed) for seed in range(4)) < 0.05

    @pytest.mark.parametrize("score", [0.0, 1e30, -1e30])
    def test_equal_scores_give_no_warning(self, score):
        oracle = make(BayesianOptimization, max_trials=8, num_initial_points=1)
        assert len(run(oracle, lambda _: score)) == 8

    def test_random_points_come_first(self):
        space = space_of(number("a"), number("b"), choice(1, "c"))
        random = values(run(make(RandomSearch, space, max_trials=8)))
        bayesian = values(run(make(BayesianOptimization, space, max_trials=8)))
        assert bayesian[:6] == random[:6]  # three for each of the two that vary
        assert bayesian[6] != random[6]

    def test_parallel_tuners_look_in_different_places(self):
        oracle = make(BayesianOptimization, space_of(number()), max_trials=9, num_initial_points=4)
        run(oracle, limit=4)
        asked = [oracle.create_trial(f"tuner {i}").hyperparameters.values["x"] for i in range(3)]
        gaps = [abs(a - b) for a, b in itertools.combinations(asked, 2)]
        assert min(gaps) > 0.01

    def test_many_trials_stay_affordable(self):
        oracle = make(BayesianOptimization, max_trials=2000, num_initial_points=1200)
        run(oracle, limit=1200)
        completed = list(oracle.trials.values())
        chosen = oracle._chosen(completed)
        assert len({trial.trial_id for trial in chosen}) == 500
        assert oracle.get_best_trials()[0] in chosen
        assert set(completed[-250:]) <= set(chosen)
        assert len(run(oracle, limit=1)) == 1


class TestHyperband:
    @pytest.mark.parametrize(
        ("max_epochs", "trials", "epochs"),
        [(1, 1, 1), (10, 30, 120), (27, 70, 375), (81, 211, 1767)],
    )
    def test_totals_are_keras_tuners(self, max_epochs, trials, epochs):
        space = space_of(number())
        oracle = make(Hyperband, space, max_epochs=max_epochs)
        assert (oracle.total_trials, oracle.total_epochs(5)) == (trials, epochs)
        assert len(run(make_plain(plain.HyperbandOracle, space, max_epochs=max_epochs))) == trials

    @pytest.mark.parametrize("configurations", [1, 2, 4, 13, 50, 1000])
    @pytest.mark.parametrize(
        "budget",
        [
            {"max_epochs": 27},
            {"max_epochs": 20, "factor": 2, "hyperband_iterations": 2},
            {"max_epochs": 2, "factor": 3, "hyperband_iterations": 3},
        ],
    )
    def test_totals_are_right_in_small_spaces_too(self, configurations, budget):
        oracle = make(Hyperband, space_of(choice(configurations)), **budget)
        trials, epochs = oracle.total_trials, oracle.total_epochs(5)
        ran = values(run(oracle))
        assert len(ran) == trials
        assert sum(v["tuner/epochs"] - v["tuner/initial_epoch"] for v in ran) == epochs

    def test_a_space_smaller_than_a_bracket_still_promotes(self):
        space = space_of(choice(4))
        assert len(run(make_plain(plain.HyperbandOracle, space, max_epochs=27))) == 4
        ran = values(run(make(Hyperband, space, max_epochs=27)))
        rounds = [(v["tuner/bracket"], v["tuner/round"]) for v in ran]
        sizes = {r: rounds.count(r) for r in dict.fromkeys(rounds)}
        assert list(sizes.items()) == [
            *(((3, 0), 4), ((3, 1), 2), ((3, 2), 1), ((3, 3), 1)),
            *(((2, 0), 4), ((2, 1), 2), ((2, 2), 1)),
            *(((1, 0), 4), ((1, 1), 2)),
            ((0, 0), 4),
        ]
        assert sum(v["tuner/epochs"] == 27 for v in ran) == 1 + 1 + 2 + 4
        for bracket in range(4):
            first = [v["x"] for v in ran if (v["tuner/bracket"], v["tuner/round"]) == (bracket, 0)]
            assert sorted(first) == [0, 1, 2, 3]

    def test_new_configurations_come_first(self):
        ran = values(run(make(Hyperband, space_of(choice(35)), max_epochs=9)))
        started = [v["x"] for v in ran if v["tuner/round"] == 0]
        assert sorted(started[:17]) == sorted(set(started[:17]))  # 9 + 5 + 3, all new

    @pytest.mark.parametrize("every", [5, 2.5])
    def test_failures_do_not_cancel_promotions(self, every):
        def top_rungs(oracle):
            count = itertools.count(1)
            ran = run(oracle, lambda v: None if next(count) % every < 1 else v["x"])
            return sum(trial["tuner/epochs"] == 27 for trial in values(ran))

        space = space_of(number())
        assert top_rungs(make_plain(plain.HyperbandOracle, space, max_epochs=27)) < 10
        assert top_rungs(make(Hyperband, space, max_epochs=27)) == 10

    def test_a_round_without_completed_trials_ends_its_bracket(self):
        ran = values(run(make(Hyperband, space_of(number()), max_epochs=9), lambda _: None))
        assert {v["tuner/round"] for v in ran} == {0}
        assert {v["tuner/bracket"] for v in ran} == {2, 1, 0}

    @pytest.mark.parametrize("direction", ["min", "max"])
    def test_the_best_go_on_with_their_values(self, direction):
        objective = keras_tuner.Objective("m", direction)
        oracle = make(Hyperband, space_of(number()), max_epochs=9, objective=objective)
        ran = run(oracle, lambda v: v["x"])
        first = [t for t in ran if t.hyperparameters.values["tuner/bracket"] == 2]
        rounds = [
            [t for t in first if t.hyperparameters.values["tuner/round"] == number]
            for number in range(3)
        ]
        assert [len(trials) for trials in rounds] == [9, 3, 1]
        for before, after in itertools.pairwise(rounds):
            ranked = sorted(before, key=lambda t: t.score, reverse=direction == "max")
            assert [t.hyperparameters.values["tuner/trial_id"] for t in after] == [
                t.trial_id for t in ranked[: len(after)]
            ]
        assert rounds[2][0].hyperparameters.values == {
            "x": oracle.get_best_trials()[0].hyperparameters.values["x"],
            "tuner/trial_id": rounds[1][0].trial_id,
            "tuner/epochs": 9,
            "tuner/initial_epoch": 3,
            "tuner/bracket": 2,
            "tuner/round": 2,
        }

    def test_a_round_waits_for_the_one_before(self):
        oracle = make(Hyperband, space_of(number()), max_epochs=9)
        asked = [oracle.create_trial(f"tuner {i}") for i in range(10)]
        assert [trial.status for trial in asked] == ["RUNNING"] * 9 + ["IDLE"]
        for trial in asked[:8]:
            end(oracle, trial, 1.0)
        assert oracle.create_trial("free").status == "IDLE"
        end(oracle, asked[8], 0.1)
        promoted = oracle.create_trial("free").hyperparameters.values
        assert promoted["tuner/trial_id"] == asked[8].trial_id


def restored_from(oracle):
    """Return what a journal keeps of an oracle's trials, having gone through JSON."""
    records = [
        RestoredTrial(
            trial_id=trial_id,
            values=oracle.trials[trial_id].hyperparameters.values,
            status=oracle.trials[trial_id].status.replace("INVALID", "RUNNING"),
            score=oracle.trials[trial_id].score,
            best_step=oracle.trials[trial_id].best_step,
            attempts=oracle._run_times[trial_id],
            message=oracle.trials[trial_id].message,
            declared=oracle.declared_by(trial_id),
        )
        for trial_id in oracle.start_order
    ]
    return [RestoredTrial(**json.loads(json.dumps(asdict(record)))) for record in records]


def build_and_score(trial):
    """Declare a hyperparameter late, fail now and then, return infinity once; else score."""
    if int(trial.trial_id) >= 2:
        trial.hyperparameters.Int("late", 0, 2, default=1)
    if int(trial.trial_id) >= 4:
        with trial.hyperparameters.conditional_scope("late", [2]):
            trial.hyperparameters.Boolean("later")
    failing = {"0001": None, "0006": math.inf}
    return failing.get(trial.trial_id, loss(trial.hyperparameters.values))


def finish(oracle, limit=10_000):
    """Run up to `limit` attempts; return identifier and values as proposed, and how they ended."""
    told = []
    while len(told) < limit:
        trial = oracle.create_trial("tuner")
        if trial.status == "STOPPED":
            break
        proposed = dict(trial.hyperparameters.values)
        end(oracle, trial, build_and_score(trial), step=len(told))
        told.append((trial.trial_id, proposed, trial.status, trial.score))
    return told


SPACES = {"mixed": mixed_space, "small": lambda: space_of(choice(3, "a"), choice(2, "b"))}


class TestRestore:
    @ALL
    @pytest.mark.parametrize("space", SPACES)
    @pytest.mark.parametrize("attempts", [1, 2])
    def test_continues_as_if_nothing_had_happened(self, strategy, space, attempts):
        def fresh():
            budget = {**BUDGETS[strategy], "max_attempts": attempts}
            return make(strategy, SPACES[space](), seed=7, **budget)

        whole = fresh()
        expected = finish(whole)
        assert len(expected) >= 6
        for count in range(len(expected) + 1):
            interrupted = fresh()
            begun = finish(interrupted, limit=count)
            continued = fresh()
            continued.restore(restored_from(interrupted))
            assert begun + finish(continued) == expected
            assert (
                continued.get_space().get_config()["space"]
                == (whole.get_space().get_config()["space"])
            )
            assert [trial.trial_id for trial in continued.get_best_trials(99)] == [
                trial.trial_id for trial in whole.get_best_trials(99)
            ]

    @ALL
    def test_what_was_running_is_proposed_again_first(self, strategy):
        interrupted = make(strategy)
        running = [interrupted.create_trial(f"tuner {i}") for i in range(4)]
        for trial in (running[0], running[2]):
            end(interrupted, trial, 1.0)
        continued = make(strategy)
        continued.restore(restored_from(interrupted))
        again = [continued.create_trial(f"tuner {i}") for i in range(2)]
        assert [trial.trial_id for trial in again] == ["0001", "0003"]
        assert values(again) == values([running[1], running[3]])
        assert {trial.status for trial in again} == {"RUNNING"}
        assert continued.create_trial("tuner 2").trial_id == "0004"

    @ALL
    def test_earlier_attempts_count(self, strategy):
        interrupted = make(strategy, max_attempts=2, **BUDGETS[strategy])
        (trial,) = run(interrupted, lambda _: None, limit=1)
        assert trial.status == "INVALID"
        continued = make(strategy, max_attempts=2, **BUDGETS[strategy])
        continued.restore(restored_from(interrupted))
        (again,) = run(continued, lambda _: None, limit=1)
        assert (again.trial_id, again.status) == ("0000", "FAILED")

    @ALL
    def test_keeps_results(self, strategy):
        interrupted = make(strategy)
        trials = run(interrupted, lambda _, scores=itertools.count(): float(next(scores)), limit=3)
        continued = make(strategy)
        record = replace(restored_from(interrupted)[1], best_step=17, metrics={"loss": 0.25})
        continued.restore([restored_from(interrupted)[0], record])
        kept = continued.get_trial("0001")
        assert (kept.status, kept.score, kept.best_step) == ("COMPLETED", 1.0, 17)
        assert kept.metrics.get_last_value("loss") == 0.25
        assert kept.hyperparameters.values == trials[1].hyperparameters.values
        assert continued.end_order == continued.start_order == ["0000", "0001"]

    @ALL
    def test_refuses_what_cannot_be(self, strategy):
        oracle = make(strategy)
        run(oracle, limit=2)
        with pytest.raises(ValueError, match="that has proposed trials cannot be restored"):
            oracle.restore([])
        with pytest.raises(ValueError, match="expected trial 0000 to restore; received 0001"):
            make(strategy).restore(restored_from(oracle)[1:])

    @pytest.mark.parametrize(
        ("status", "score", "sentence"),
        [
            ("STOPPED", None, "must be COMPLETED, FAILED or RUNNING; it is STOPPED"),
            ("COMPLETED", None, "is COMPLETED, so its score must be finite; it is None"),
            ("COMPLETED", math.nan, "is COMPLETED, so its score must be finite; it is nan"),
        ],
    )
    def test_refuses_a_record_that_contradicts_itself(self, status, score, sentence):
        with pytest.raises(ValueError, match=sentence):
            RestoredTrial("0000", {}, status, score)

    def test_plain_grid_search_cannot_continue(self, tmp_path):
        """KerasTuner issue 1055: after a reload its grid search ends at once."""

        def fresh():
            oracle = plain.GridSearchOracle(objective=LOSS, hyperparameters=space_of(choice(9)))
            oracle.verbose = 0
            oracle._set_project_dir(str(tmp_path), "grid")
            return oracle

        assert len(run(fresh(), limit=4)) == 4
        continued = fresh()
        continued.reload()
        assert run(continued) == []
