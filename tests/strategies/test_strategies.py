"""What all oracles share: each repair beside the plain KerasTuner oracle that needs it."""

import math
import warnings
from pathlib import Path

import hydra
import keras_tuner
import pytest
from keras_tuner import oracles as plain
from omegaconf import OmegaConf

from pipeline.strategies import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    RandomSearch,
)
from tests.strategies.oracles import (
    ALL,
    BUDGETS,
    LOSS,
    choice,
    end,
    in_turn,
    keys,
    make,
    make_plain,
    mixed_space,
    number,
    run,
    space_of,
    values,
)

CONF = Path(__file__).parents[2] / "conf" / "strategy"


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

    @pytest.mark.parametrize("name", [path.stem for path in sorted(CONF.glob("*.yaml"))])
    def test_is_made_by_its_configuration(self, name):
        if name == "gp":
            pytest.importorskip("torch")
        config = OmegaConf.create({"training": {"epochs": 9}})
        config.strategy = OmegaConf.load(CONF / f"{name}.yaml")
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
        run(guessing, in_turn(*self.SCORES))
        assert guessing.get_best_trials()[0].score == 0.2

    @pytest.mark.sampled(every=3)
    @ALL
    @pytest.mark.parametrize("name", ["val_f1_score", "val_r2_score", "val_cosine_similarity"])
    def test_the_highest_wins_if_it_is_maximised(self, strategy, name):
        oracle = make(strategy, objective=keras_tuner.Objective(name, "max"))
        run(oracle, in_turn(*self.SCORES))
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
        run(oracle, in_turn(0.5, score, 0.4))
        assert oracle.get_best_trials()[0].score == score

    @ALL
    @pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("direction", ["min", "max"])
    def test_a_score_that_is_not_finite_fails_the_trial(self, strategy, score, direction):
        oracle = make(strategy, objective=keras_tuner.Objective("m", direction))
        trials = run(oracle, in_turn(0.5, score, 0.4), limit=3)
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
            trials = run(oracle, in_turn(math.nan, 0.5))
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
        run(oracle, in_turn(None, 0.3, None, 0.2, 0.2), limit=5)
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
